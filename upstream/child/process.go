package child

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// How long each step of a child's shutdown may take before the next
// (MCP 2025-11-25, basic/lifecycle, shutdown over stdio).
const (
	stdinGrace = 2 * time.Second // after its stdin was closed, before SIGTERM
	termGrace  = 1 * time.Second // after SIGTERM, before SIGKILL
)

// A Process is a started process with its whole group. Two goroutines, which
// [child.stop] waits for, drain its stderr and wait for its end.
type Process struct {
	cmd    *exec.Cmd
	group  *group
	Stdin  *os.File
	Stdout *os.File
	tail   tail

	guard *Guard
	mark  string // in the environment of everything that the child starts

	wg     sync.WaitGroup
	stderr *os.File
	exited chan struct{} // closed when the direct child has ended
	silent chan struct{} // closed when nobody holds its stderr any more
}

// Start starts a command under the guard. Each line of its stderr goes
// through line and is kept in the tail.
func Start(cfg Config, g *Guard, line func(string) string) (*Process, error) {
	if info, err := os.Stat(cfg.Cwd); cfg.Cwd != "" && (err != nil || !info.IsDir()) {
		return nil, &WorkDirError{Dir: cfg.Cwd}
	}
	env := environment(cfg)
	path, err := lookPath(cfg.Command, cfg.Cwd, env)
	if err != nil {
		return nil, err
	}
	c := &Process{
		cmd:    exec.Command(path, cfg.Args...),
		guard:  g,
		mark:   g.prepare(),
		exited: make(chan struct{}),
		silent: make(chan struct{}),
	}
	c.cmd.Args[0] = cfg.Command
	c.cmd.Env = append(env, guardEnv+"="+c.mark)
	c.cmd.Dir = cfg.Cwd

	var theirs []*os.File
	defer func() {
		for _, f := range theirs {
			f.Close()
		}
	}()
	pipe := func(mine, other **os.File, swap bool) {
		if err != nil {
			return
		}
		r, w, perr := os.Pipe()
		if err = perr; err != nil {
			return
		}
		if swap {
			r, w = w, r
		}
		*mine, *other = r, w
		theirs = append(theirs, w)
	}
	var in, out, errs *os.File
	pipe(&c.Stdin, &in, true)
	pipe(&c.Stdout, &out, false)
	pipe(&c.stderr, &errs, false)
	if err == nil {
		c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = in, out, errs
		c.group, err = startGroup(c.cmd)
	}
	if err != nil {
		c.closePipes()
		return nil, err
	}
	g.add(c.group)
	c.wg.Go(func() {
		c.tail.drain(c.stderr, line)
		close(c.silent)
	})
	c.wg.Go(func() {
		c.cmd.Wait()
		close(c.exited)
	})
	return c, nil
}

func (c *Process) closePipes() {
	for _, f := range []*os.File{c.Stdin, c.Stdout, c.stderr} {
		if f != nil {
			f.Close()
		}
	}
}

// Stop ends the child and everything in its group, the polite way first, and
// returns when nothing of it is left or nothing more can be done.
func (c *Process) Stop() {
	// "First, closing the input stream to the child process (the server)"
	c.Stdin.Close()
	// "Waiting for the server to exit, or sending SIGTERM if the server does
	// not exit within a reasonable time"
	if !c.gone(stdinGrace) {
		c.group.terminate()
		// "Sending SIGKILL if the server does not exit within a reasonable
		// time after SIGTERM"
		if !c.gone(termGrace) {
			c.group.kill()
			c.gone(termGrace)
		}
	}
	killStrays(c.mark)
	c.guard.remove(c.group)
	c.group.close()
	c.closePipes()
	c.wg.Wait()
}

// gone waits for the direct child, then for the rest of its group.
func (c *Process) gone(limit time.Duration) bool {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	select {
	case <-c.exited:
	case <-deadline.C:
		return false
	}
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for c.group.alive() {
		select {
		case <-poll.C:
		case <-deadline.C:
			return false
		}
	}
	return true
}

// Bounds of the wait for what a dying child leaves.
const (
	exitGrace   = 250 * time.Millisecond // for its exit status, after its end of output
	stderrGrace = 100 * time.Millisecond // for its stderr, which may outlive it in a grandchild
)

// An Outcome is how a child ended and what it said last.
type Outcome struct {
	ExitStatus string // of the direct child, as in "exit status 1" or "signal: killed"; empty while it lives
	Stderr     string // its last lines, as they were kept
}

// Outcome waits a moment for the exit status and the last lines.
func (c *Process) Outcome() Outcome {
	var o Outcome
	t := time.NewTimer(exitGrace)
	defer t.Stop()
	select {
	case <-c.exited:
		o.ExitStatus = c.cmd.ProcessState.String()
		t.Reset(stderrGrace)
		select {
		case <-c.silent:
		case <-t.C:
		}
	case <-t.C:
	}
	o.Stderr = c.tail.String()
	return o
}

// Pid returns the id of the direct child. On Unix it is the id of its process
// group too.
func (c *Process) Pid() int { return c.cmd.Process.Pid }

// Succeeded reports whether the direct child has ended without an error.
func (c *Process) Succeeded() bool {
	select {
	case <-c.exited:
		return c.cmd.ProcessState.Success()
	default:
		return false
	}
}

// Bounds of what is kept of a child's stderr.
const (
	tailLines   = 10
	tailLineLen = 500 // bytes of one line
)

// A tail keeps the last lines of a child's stderr.
type tail struct {
	mu    sync.Mutex
	lines []string
}

// drain reads until the pipe ends or is closed, so that a child that floods
// its stderr never blocks.
func (t *tail) drain(r io.Reader, line func(string) string) {
	br := bufio.NewReaderSize(r, 4096)
	for {
		b, err := br.ReadSlice('\n')
		if len(b) > 0 {
			t.add(line(strings.TrimRight(string(b[:min(len(b), tailLineLen)]), "\r\n")))
		}
		for errors.Is(err, bufio.ErrBufferFull) { // the rest of an overlong line
			_, err = br.ReadSlice('\n')
		}
		if err != nil {
			return
		}
	}
}

func (t *tail) add(line string) {
	if line == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == tailLines {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, line)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}
