package child

import (
	"os"
	"os/exec"
	"sync"
	"time"
)

// A Process is a started program with its whole group. Two goroutines, which
// [Process.Stop] waits for, read its stderr and wait for its end.
type Process struct {
	Stdin  *os.File // what is written to it the program reads; the caller may close it
	Stdout *os.File // what the program writes; Stop closes it

	cmd    *exec.Cmd
	group  *group
	guard  *Guard
	mark   string // in the environment of everything that the program starts
	stderr *os.File
	tail   tail

	wg      sync.WaitGroup
	exited  chan struct{} // closed when the program itself has ended
	drained chan struct{} // closed when nobody holds its stderr any more
}

// Start starts a program under the guard, which must outlive it. What the
// program writes to stderr goes through redact before it is cut and given out:
// each line to hear, if that is not nil, from a goroutine of the process, and
// the last ones with the [Outcome].
//
// The error is a [WorkDirError], a [NotFoundError], or that of the system.
func Start(cfg Config, g *Guard, redact func(text string) string, hear func(line string)) (*Process, error) {
	cmd, err := command(cfg)
	if err != nil {
		return nil, err
	}
	mark := g.prepare()
	cmd.Env = append(cmd.Env, guardEnv+"="+mark)
	ours, theirs, err := pipes()
	if err != nil {
		return nil, err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs.stdin, theirs.stdout, theirs.stderr
	group, err := startGroup(cmd)
	theirs.close()
	if err != nil {
		ours.close()
		return nil, err
	}
	g.add(group)
	p := &Process{
		Stdin: ours.stdin, Stdout: ours.stdout, stderr: ours.stderr,
		cmd: cmd, group: group, guard: g, mark: mark, tail: tail{redact: redact},
		exited: make(chan struct{}), drained: make(chan struct{}),
	}
	p.wg.Go(func() {
		p.tail.read(p.stderr, hear)
		close(p.drained)
	})
	p.wg.Go(func() {
		p.cmd.Wait()
		close(p.exited)
	})
	return p, nil
}

// command prepares what cfg says, without starting it.
func command(cfg Config) (*exec.Cmd, error) {
	if info, err := os.Stat(cfg.Cwd); cfg.Cwd != "" && (err != nil || !info.IsDir()) {
		return nil, &WorkDirError{Dir: cfg.Cwd}
	}
	env := environment(cfg)
	path, err := lookPath(cfg.Command, cfg.Cwd, env)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, cfg.Args...)
	cmd.Args[0] = cfg.Command
	cmd.Env, cmd.Dir = env, cfg.Cwd
	return cmd, nil
}

// A stdio holds one end of each of a program's standard streams.
type stdio struct{ stdin, stdout, stderr *os.File }

// pipes connects standard streams: theirs are the program's, ours the other
// ends.
func pipes() (ours, theirs stdio, err error) {
	defer func() {
		if err != nil {
			ours.close()
			theirs.close()
		}
	}()
	if theirs.stdin, ours.stdin, err = os.Pipe(); err != nil {
		return ours, theirs, err
	}
	if ours.stdout, theirs.stdout, err = os.Pipe(); err != nil {
		return ours, theirs, err
	}
	ours.stderr, theirs.stderr, err = os.Pipe()
	return ours, theirs, err
}

// close closes what is open.
func (s stdio) close() {
	for _, f := range []*os.File{s.stdin, s.stdout, s.stderr} {
		f.Close() // nothing if f is nil
	}
}

// Bounds of the wait for what a dying program leaves.
const (
	exitGrace   = 250 * time.Millisecond // for its exit status, after its end of output
	stderrGrace = 100 * time.Millisecond // for its stderr, which a grandchild may hold open
)

// An Outcome is how a program ended and what it wrote last to stderr.
type Outcome struct {
	ExitStatus string // as in "exit status 1" or "signal: killed"; empty while it lives
	Stderr     string // its last lines as redacted, at most 10 of at most 1000 bytes
}

// Outcome waits up to 350 ms for the program's end and its last lines.
func (p *Process) Outcome() Outcome {
	var o Outcome
	t := time.NewTimer(exitGrace)
	defer t.Stop()
	select {
	case <-p.exited:
		o.ExitStatus = p.cmd.ProcessState.String()
		t.Reset(stderrGrace)
		select {
		case <-p.drained:
		case <-t.C:
		}
	case <-t.C:
	}
	o.Stderr = p.tail.String()
	return o
}

// Stderr returns the last lines that the program has written to stderr so far,
// as in an [Outcome].
func (p *Process) Stderr() string { return p.tail.String() }

// Exited is closed when the program itself has ended, also while what it
// started holds its streams.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Pid returns the id of the program's process. On Unix it is the id of its
// group too.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Succeeded reports whether the program has ended without an error.
func (p *Process) Succeeded() bool {
	return p.exitedNow() && p.cmd.ProcessState.Success()
}
