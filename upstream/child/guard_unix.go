//go:build unix

package child

import (
	"crypto/rand"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// A Guard kills what is left of the children when this process dies without
// stopping them, however it dies. It is safe for concurrent use.
//
// It is a small shell in a session of its own that reads a pipe: each line
// names a process group that appeared or is gone, and the end of the pipe is
// the end of this process. A parent death signal would not do: it reaches the
// direct child alone, and is sent when the thread ends that started it.
//
// While a guard is open, orphans of the children become children of this process
// where the system offers that, and Close of the last one kills them.
//
// One goroutine, which [Guard.Close] waits for, replaces the shell if it dies.
type Guard struct {
	token string
	wg    sync.WaitGroup
	done  chan struct{} // closed with the guard, so that no pause outlasts it

	mu     sync.Mutex
	shell  *os.Process    // nil while none runs
	pipe   io.WriteCloser // nil like shell
	groups map[int]bool   // process groups that are alive
	marks  int
	joined bool // orphans are adopted for it
	closed bool
}

//go:embed guard.sh
var guardScript string

// NewGuard returns a guard, whose shell runs from the first child on.
func NewGuard() *Guard {
	return &Guard{token: rand.Text(), done: make(chan struct{}), groups: make(map[int]bool)}
}

// prepare makes sure that the shell runs, and returns the mark of a new child.
// With it a child is found even if this process dies before [Guard.add].
func (g *Guard) prepare() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.joined && !g.closed {
		g.joined = true
		orphans.join()
	}
	g.start()
	g.marks++
	return g.token + "-" + strconv.Itoa(g.marks)
}

// start runs the shell if none runs. On a system without /bin/sh children are
// stopped by this process alone. g.mu is held.
func (g *Guard) start() {
	if g.pipe != nil || g.closed {
		return
	}
	r, w, err := os.Pipe()
	if err != nil {
		return
	}
	defer r.Close()
	// The script is passed in the environment, so that a list of processes
	// shows a name instead of it.
	cmd := exec.Command("/bin/sh", "-c", `eval "$GUARD"`, "mcpproxy-guard", guardEnv)
	cmd.Stdin = r
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/bin:/bin", "GUARD=" + guardScript}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		w.Close()
		return
	}
	g.shell, g.pipe = cmd.Process, w
	orphans.started(cmd.Process.Pid)
	g.write("mark %s", g.token)
	for pgid := range g.groups {
		g.write("+ %d", pgid)
	}
	g.wg.Go(func() { g.watch(cmd, w) })
}

// guardPause is the least time between a shell's start and that of its
// replacement, so that one that cannot live is not started without end.
const guardPause = time.Second

// watch waits for the shell's end and starts another if it is still needed.
func (g *Guard) watch(cmd *exec.Cmd, w io.Closer) {
	pause := time.NewTicker(guardPause)
	defer pause.Stop()
	cmd.Wait()
	orphans.ended(cmd.Process.Pid)
	w.Close()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pipe, g.shell = nil, nil
	for g.pipe == nil && len(g.groups) > 0 && !g.closed {
		g.mu.Unlock()
		select {
		case <-pause.C:
		case <-g.done:
		}
		g.mu.Lock()
		g.start()
	}
}

// write writes one line. The pipe takes it at once, since the shell only
// reads, and watch notices a dead one. g.mu is held.
func (g *Guard) write(format string, args ...any) {
	if g.pipe != nil {
		fmt.Fprintf(g.pipe, format+"\n", args...)
	}
}

// add starts the shell too: while there is no group, watch does not replace
// one that dies.
func (g *Guard) add(p *group) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.start()
	g.groups[p.pgid] = true
	orphans.started(p.pgid)
	g.write("+ %d", p.pgid)
}

func (g *Guard) remove(p *group) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.groups, p.pgid)
	orphans.ended(p.pgid)
	g.write("- %d", p.pgid)
}

// guardWait bounds the shell's last work.
const guardWait = 5 * time.Second

// Close ends the shell, which kills what is left, and waits for it up to 5 s.
// The processes under the guard must have been stopped before.
func (g *Guard) Close() {
	g.mu.Lock()
	if !g.closed {
		g.closed = true
		close(g.done)
	}
	if shell := g.shell; shell != nil {
		g.pipe.Close()
		defer time.AfterFunc(guardWait, func() { shell.Kill() }).Stop()
	}
	joined := g.joined
	g.joined = false
	g.mu.Unlock()
	g.wg.Wait()
	if joined {
		orphans.leave()
	}
}
