package child

import "time"

// A grace is how long one step of a shutdown may take before the next.
type grace struct{ patient, hurried time.Duration }

// The steps of a shutdown (MCP 2025-11-25, basic/lifecycle, shutdown over
// stdio). The hurried ones fit into what a host waits for this process.
var (
	stdinGrace = grace{2 * time.Second, 700 * time.Millisecond} // after its stdin was closed, before SIGTERM
	termGrace  = grace{1 * time.Second, 500 * time.Millisecond} // after SIGTERM, before SIGKILL
)

// killGrace bounds the wait for what was killed, which takes long only where
// the system cannot end a process.
const killGrace = 250 * time.Millisecond

// Stop ends the program and everything in its group, and returns when nothing
// of it is left or nothing more can be done. That takes 3.3 s at most, 1.5 s
// from when hurry is closed, and 0.3 s from when kill is closed. Either may be
// nil. It must be called once.
func (p *Process) Stop(hurry, kill <-chan struct{}) {
	s := stopping{p, hurry, kill}
	// "First, closing the input stream to the child process (the server)"
	p.Stdin.Close()
	// "Waiting for the server to exit, or sending SIGTERM if the server does
	// not exit within a reasonable time". What outlives it was not asked yet.
	s.wait(stdinGrace, p.exitedNow)
	if !p.gone() {
		p.group.terminate()
		// "Sending SIGKILL if the server does not exit within a reasonable
		// time after SIGTERM"
		if !s.wait(termGrace, p.gone) {
			p.group.kill()
			s.kill = nil
			s.wait(grace{killGrace, killGrace}, p.gone)
		}
	}
	killStrays(p.mark)
	p.guard.remove(p.group)
	p.group.close()
	stdio{p.Stdin, p.Stdout, p.stderr}.close()
	if p.exitedNow() { // a program that the system cannot end is not waited for
		p.wg.Wait()
	}
}

// gone reports whether the program and its group have ended.
func (p *Process) gone() bool { return p.exitedNow() && !p.group.alive() }

func (p *Process) exitedNow() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// A stopping is a shutdown in progress.
type stopping struct {
	p           *Process
	hurry, kill <-chan struct{}
}

// wait waits until done, and reports whether that came in time.
func (s *stopping) wait(g grace, done func() bool) bool {
	patient := time.NewTimer(g.patient)
	defer patient.Stop()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	began, hurry := time.Now(), s.hurry
	exited := s.p.exited
	for !done() {
		select {
		case <-exited:
			exited = nil
		case <-poll.C:
		case <-hurry:
			hurry = nil
			patient.Reset(min(g.hurried, g.patient-time.Since(began)))
		case <-patient.C:
			return false
		case <-s.kill:
			return false
		}
	}
	return true
}
