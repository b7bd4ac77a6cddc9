//go:build unix

package e2e

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Twenty proxies share one login whose tokens live for seconds, at a server
// that revokes the whole grant when a refresh token comes twice. Each token
// is refreshed once, by one of them, and no call is lost.
func TestTwentyProxiesShareOneLogin(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newAuthServer(15)
	s.configure(servers{"protected": a.entry()})
	first := s.serve()
	first.open(rev2025)
	first.login("protected", a.newPerson())
	hosts := []*peer{first}
	for range 19 {
		host := s.serve()
		host.open(rev2025)
		hosts = append(hosts, host)
	}
	refreshes := func() int { return len(a.events("grant.success", "refresh_token")) }
	var done atomic.Bool
	var group sync.WaitGroup
	for _, host := range hosts {
		group.Go(func() {
			for !done.Load() && !t.Failed() {
				if r := host.through("protected", "echo", entry{"text": "x"}); r.IsError {
					t.Errorf("a call was lost: %s", r.text())
				}
				poll(250*time.Millisecond, done.Load)
			}
		})
	}
	if !poll(90*time.Second, func() bool { return refreshes() >= 3 || t.Failed() }) {
		t.Errorf("only %d refreshes", refreshes())
	}
	// The last one's token must have been used before it is counted.
	poll(10*time.Second, func() bool { return len(a.taken()) == refreshes()+1 })
	done.Store(true)
	group.Wait()
	if taken := len(a.taken()); taken != refreshes()+1 {
		t.Errorf("%d access tokens were used after one login and %d refreshes", taken, refreshes())
	}
	for _, bad := range []string{"grant.revoked", "grant.error", "server_error"} {
		if e := a.events(bad, ""); len(e) > 0 {
			t.Errorf("%s: %v", bad, e)
		}
	}
}

// Proxies that are killed at any moment do not cost the login, unless the
// authorization server's answer was lost with one of them.
func TestKilledProxiesKeepTheLogin(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newAuthServer(1)
	s.configure(servers{"protected": a.entry()})
	first := s.serve()
	first.open(rev2025)
	first.login("protected", a.newPerson())
	first.close()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	refreshes := func() int { return len(a.events("grant.success", "refresh_token")) }
	refused := false
	for end := time.Now().Add(time.Minute); refreshes() < 8 && !refused && time.Now().Before(end); {
		host := s.serve()
		host.open(rev2025)
		_, call := host.ask("tools/call", entry{"name": "mcp", "arguments": entry{"action": "call", "server": "protected", "tool": "echo", "arguments": entry{"text": "x"}}})
		wait := time.NewTimer(time.Duration(random.IntN(100)) * time.Millisecond)
		select {
		case m := <-call:
			refused = newToolResult(t, m.Result).IsError
		case <-wait.C:
		}
		wait.Stop()
		host.kill()
	}
	last := s.serve()
	last.open(rev2025)
	r := last.through("protected", "echo", entry{"text": "x"})
	lost := refreshes() + 1 - len(a.taken())
	if r.IsError && lost == 0 {
		t.Errorf("no answer was lost, and yet: %s", r.text())
	}
	t.Logf("%d refreshes, %d of them never used", refreshes(), lost)
}
