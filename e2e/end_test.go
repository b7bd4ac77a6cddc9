//go:build unix

package e2e

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// endsClean expects an end that leaves nothing, and prints how long it took. How long
// its stages may be together is tested where they are (upstream/child).
func endsClean(t *testing.T, end func(*peer)) {
	t.Helper()
	s, host := hardToEnd(t)
	began := time.Now()
	end(host)
	select {
	case <-host.done:
	case <-time.After(time.Minute):
		t.Fatal("still there")
	}
	t.Logf("ended after %v", time.Since(began).Round(time.Millisecond))
	s.nothingRuns(0)
	if n := s.storedResults(); n != 0 {
		t.Errorf("%d stored results are left", n)
	}
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

func TestPoliteEnd(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*peer){
		"end of input": func(p *peer) { p.stdin.Close() },
		"SIGTERM":      func(p *peer) { p.cmd.Process.Signal(syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endsClean(t, end)
		})
	}
}

func TestSecondSignalKillsAndLeavesNothing(t *testing.T) {
	t.Parallel()
	endsClean(t, func(p *peer) {
		p.cmd.Process.Signal(syscall.SIGTERM)
		p.cmd.Process.Signal(os.Interrupt)
	})
}
