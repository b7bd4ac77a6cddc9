//go:build unix

package e2e

import (
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A crowd is proxies of one account that share one login, and hosts that call
// through them all the time.
type crowd struct {
	*sandbox
	server *authServer
	over   atomic.Bool
	calls  atomic.Int64
	hosts  sync.WaitGroup
	failed chan string // what a call answered instead
}

func newCrowd(t tb, seconds int) *crowd {
	t.Helper()
	c := &crowd{sandbox: newSandbox(t), failed: make(chan string, 100)}
	c.server = c.newAuthServer(seconds)
	c.configure(servers{"protected": c.server.entry()})
	first := c.serve()
	first.open(rev2025)
	first.login("protected", c.server.newPerson())
	first.close()
	t.Cleanup(func() {
		c.over.Store(true)
		c.hosts.Wait()
	})
	return c
}

// join adds a proxy to the crowd; leave kills it.
func (c *crowd) join() (leave func()) {
	host := c.serve()
	host.open(rev2025)
	var left atomic.Bool
	var asking sync.Mutex
	ask := func() (answer <-chan message) {
		asking.Lock()
		defer asking.Unlock()
		if !left.Load() {
			_, answer = host.ask("tools/call", entry{"name": "mcp", "arguments": entry{
				"action": "call", "server": "protected", "tool": "echo", "arguments": entry{"text": "x"}}})
		}
		return answer
	}
	ended := make(chan struct{})
	c.hosts.Go(func() {
		defer close(ended)
		for !c.over.Load() && !left.Load() {
			answer := ask()
			select {
			case m := <-answer:
				switch r := newToolResult(c.t, m.Result); {
				case !r.IsError:
					c.calls.Add(1)
				case !isPassing(r):
					c.failed <- r.text()
					return
				}
			case <-host.done:
				return
			}
			poll(200*time.Millisecond, func() bool { return c.over.Load() || left.Load() })
		}
	})
	return func() {
		asking.Lock()
		left.Store(true)
		asking.Unlock()
		host.kill()
		<-ended
	}
}

// isPassing reports whether a call is to be repeated soon: the authorization server
// gave no answer, which happens on a busy machine.
func isPassing(r toolResult) bool {
	return r.IsError && strings.Contains(r.text(), `"code":"unavailable"`) && strings.Contains(r.text(), "retry_in_seconds")
}

// refreshes counts the token requests that renewed the login.
func (c *crowd) refreshes() int { return len(c.server.events("grant.success", "refresh_token")) }

// complaints are what an authorization server says when something is wrong.
func (c *crowd) complaints() (all []authEvent) {
	for _, name := range []string{"grant.revoked", "grant.error", "server_error"} {
		all = append(all, c.server.events(name, "")...)
	}
	return all
}

// Twenty proxies share one login whose tokens live for seconds, at a server
// that revokes the whole grant when a refresh token comes twice. Each token is
// refreshed once, by one of them, and no call is lost. E2E_LONG=1 gives the
// tokens 15 s and the proxies 90 s.
func TestTwentyProxiesShareOneLogin(t *testing.T) {
	t.Parallel()
	life, length := 5*time.Second, 25*time.Second
	if os.Getenv("E2E_LONG") != "" {
		life, length = 15*time.Second, 90*time.Second
	}
	c := newCrowd(t, int(life.Seconds()))
	for range 20 {
		c.join()
	}
	begin, before := time.Now(), c.refreshes()
	poll(length, func() bool { return len(c.failed)+len(c.complaints()) > 0 })
	// The last one's token must have been used before it is counted.
	poll(10*time.Second, func() bool { return len(c.server.taken()) == c.refreshes()+1 })
	c.over.Store(true)
	c.hosts.Wait()
	t.Logf("%d calls, %d refreshes", c.calls.Load(), c.refreshes())
	if len(c.failed) > 0 {
		t.Errorf("%d calls were lost, one of them so: %s", len(c.failed), <-c.failed)
	}
	if e := c.complaints(); len(e) > 0 {
		t.Errorf("the authorization server says %v", e)
	}
	// A token that lives for life is renewed when four fifths of it are over.
	most := int(time.Since(begin)/(life*4/5)) + 1
	if n := c.refreshes() - before; n < int(length/life)-1 || n > most {
		t.Errorf("%d refreshes in %s of tokens that live %s", n, time.Since(begin), life)
	}
	if taken := len(c.server.taken()); taken != c.refreshes()+1 {
		t.Errorf("%d access tokens were used after one login and %d refreshes", taken, c.refreshes())
	}
}

// Proxies that are killed at any moment, in the middle of a refresh too, do
// not cost the login, unless the authorization server had answered and the
// answer was lost with one of them. Then a new login is asked for, and helps.
func TestKilledProxiesKeepTheLogin(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, 1)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var leave []func()
	for range 5 {
		leave = append(leave, c.join())
	}
	kills := 0
	for ; kills < 30 && len(c.failed) == 0; kills++ {
		if kills < 20 {
			pause := time.Duration(random.IntN(250)) * time.Millisecond
			poll(pause, func() bool { return false })
		} else { // at the moment of a refresh
			seen := c.refreshes()
			poll(3*time.Second, func() bool { return c.refreshes() > seen })
		}
		i := random.IntN(len(leave))
		leave[i]()
		leave[i] = c.join()
	}
	c.over.Store(true)
	c.hosts.Wait()

	lost := func() bool {
		grants := c.server.events("grant.success", "")
		newest := grants[len(grants)-1].Secrets
		kept, err := os.ReadFile(c.path("state/proxy/vault/file/credentials.json"))
		return err != nil || !strings.Contains(string(kept), newest[len(newest)-1])
	}
	last := c.serve()
	last.open(rev2025)
	var r toolResult
	eventually(t, "the authorization server answers", func() bool {
		r = last.through("protected", "echo", entry{"text": "x"})
		return !isPassing(r)
	})
	t.Logf("%d calls, %d refreshes, %d kills; the login was lost: %t", c.calls.Load(), c.refreshes(), kills, r.IsError)
	if r.IsError {
		r.refused("needs_auth")
		eventually(t, "an answer of the authorization server was lost", lost)
		last.login("protected", c.server.newPerson())
		last.through("protected", "echo", entry{"text": "in again"}).ok()
	} else if len(c.failed) > 0 {
		t.Errorf("the login is good, and yet a call failed: %s", <-c.failed)
	}
}
