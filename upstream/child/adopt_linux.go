package child

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Orphans of the children become children of this process while a guard is
// open, so that they are found at its end, also those that have left their group
// and emptied their environment. This is an attribute of the whole process, and
// so is what is known of it.
var orphans adoption

// An adoption tells orphans from the children that this process started. One
// goroutine, which the last leave waits for, collects orphans that have ended.
type adoption struct {
	mu     sync.Mutex
	guards int           // open ones
	ours   map[int]bool  // processes that the package started
	stop   chan struct{} // closed to end the goroutine
	done   chan struct{} // closed when it has ended
}

// join is called by each guard before its first child.
func (a *adoption) join() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.guards++; a.guards > 1 {
		return
	}
	// Without it, as before Linux 3.4, orphans go to the first process.
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	stop, done := make(chan struct{}), make(chan struct{})
	a.stop, a.done = stop, done
	go func() { // ends with the last guard
		defer close(done)
		a.collect(stop)
	}()
}

// leave is called by each guard that has joined. The last one kills all orphans.
func (a *adoption) leave() {
	a.mu.Lock()
	if a.guards--; a.guards > 0 {
		a.mu.Unlock()
		return
	}
	close(a.stop)
	done := a.done
	a.mu.Unlock()
	<-done
	// One that is killed leaves its own children to us.
	for range 10 {
		left := 0
		a.scan(func(p orphan) {
			left++
			a.end(p)
		})
		if left == 0 {
			break
		}
		<-time.After(10 * time.Millisecond)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.guards == 0 { // nobody would collect them any more
		_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	}
}

// end kills an orphan, or collects it, unless it may be the child of a new guard
// that is not known yet.
func (a *adoption) end(p orphan) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.guards > 0:
	case p.ended:
		syscall.Wait4(p.pid, nil, syscall.WNOHANG, nil)
	default:
		syscall.Kill(p.pid, syscall.SIGKILL)
	}
}

// started and ended say which processes are no orphans.
func (a *adoption) started(pid int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ours == nil {
		a.ours = make(map[int]bool)
	}
	a.ours[pid] = true
}

func (a *adoption) ended(pid int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.ours, pid)
}

// An orphan is a process that a child left to us.
type orphan struct {
	pid   int
	ended bool
}

// scan calls fn with each orphan.
func (a *adoption) scan(fn func(orphan)) {
	self, group := os.Getpid(), syscall.Getpgrp()
	for p := range processes() {
		a.mu.Lock()
		ours := a.ours[p.pid]
		a.mu.Unlock()
		// Whatever else this process starts is in its own group.
		if p.parent != self || p.group == group || ours {
			continue
		}
		fn(orphan{p.pid, p.ended})
	}
}

// collectEvery is the time between two looks at what has ended.
const collectEvery = time.Second

// collect collects orphans that have ended. It waits until it has seen one twice:
// a child that was just started may not be known yet.
func (a *adoption) collect(stop <-chan struct{}) {
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGCHLD)
	defer signal.Stop(ends)
	tick := time.NewTimer(collectEvery)
	tick.Stop()
	defer tick.Stop()
	seen := make(map[int]bool)
	for armed := false; ; {
		select {
		case <-ends:
			if !armed {
				tick.Reset(collectEvery)
				armed = true
			}
			continue
		case <-stop:
			return
		case <-tick.C:
			armed = false
		}
		before := seen
		seen = make(map[int]bool)
		a.scan(func(p orphan) {
			switch {
			case p.ended && before[p.pid]:
				syscall.Wait4(p.pid, nil, syscall.WNOHANG, nil)
			case p.ended:
				seen[p.pid] = true
			}
		})
		if len(seen) > 0 {
			tick.Reset(collectEvery)
			armed = true
		}
	}
}
