//go:build unix

package e2e

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// politeEnd is what a host may wait for the end at most (DESIGN, section 6),
// with room for a busy machine. An end whose stages add up takes longer.
const politeEnd = 1800*time.Millisecond + 700*time.Millisecond

// endsWithin expects the best of a few ends to take no longer than that: a busy
// machine delays one or another of them, a fault all.
func endsWithin(t *testing.T, bound time.Duration, end func(*peer)) {
	t.Helper()
	var took time.Duration
	for range 4 {
		s, host := hardToEnd(t)
		began := time.Now()
		end(host)
		<-host.done
		took = time.Since(began)
		t.Logf("ended after %v", took.Round(time.Millisecond))
		s.nothingRuns(0)
		if n := s.storedResults(); n != 0 {
			t.Errorf("%d stored results are left", n)
		}
		if took <= bound {
			return
		}
	}
	t.Errorf("it took %v, and no less before", took)
}

// hardToEnd starts a proxy with children that do not go when they are asked
// to, and a stored result.
func hardToEnd(t *testing.T) (*sandbox, *peer) {
	s := newSandbox(t)
	s.configure(servers{
		"plain":    fake(t),
		"family":   fake(t, "-family"),
		"stubborn": fake(t, "-family", "-stubborn"),
		"stopped":  fake(t, "-journal", s.path("stopped")),
		"silent":   stdio("sh", "-c", `trap "" TERM; echo started >> "$0"; while :; do sleep 300; done`, s.path("silent")),
	})
	host := s.serve()
	host.open(rev2025)
	for _, server := range []string{"family", "stubborn", "stopped"} {
		host.through(server, "echo", entry{"text": "here"}).ok()
	}
	host.through("plain", "blob", entry{"kib": 200}).ok()
	host.ask("tools/call", entry{"name": "mcp", "arguments": entry{"action": "call", "server": "silent", "tool": "x"}})
	host.ask("tools/call", entry{"name": "mcp", "arguments": entry{"action": "call", "server": "family", "tool": "wait"}})
	eventually(t, "the silent one starts", func() bool { return noted(s.path("silent"), "started") })
	if s.storedResults() == 0 {
		t.Fatal("no result is stored")
	}
	syscall.Kill(started(s.path("stopped"))[0], syscall.SIGSTOP)
	return s, host
}

// storedResults counts the files of stored results.
func (s *sandbox) storedResults() int {
	files, _ := filepath.Glob(s.path("cache/proxy/results/*/*"))
	return len(files)
}

func TestPoliteEndIsBounded(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*peer){
		"end of input": func(p *peer) { p.stdin.Close() },
		"SIGTERM":      func(p *peer) { p.cmd.Process.Signal(syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endsWithin(t, politeEnd, end)
		})
	}
}

func TestSecondSignalKillsAndLeavesNothing(t *testing.T) {
	t.Parallel()
	endsWithin(t, time.Second, func(p *peer) {
		p.cmd.Process.Signal(syscall.SIGTERM)
		p.cmd.Process.Signal(os.Interrupt)
	})
}
