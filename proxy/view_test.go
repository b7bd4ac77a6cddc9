package proxy

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mcpproxy/auth"
	"mcpproxy/auth/privatefile"
	"mcpproxy/auth/vault"
	"mcpproxy/catalog"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/redact"
	"mcpproxy/upstream"
)

// eventually waits for a condition, for as long as a loaded machine may need.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-tick.C {
		if is() {
			return
		}
	}
	t.Fatalf("not within a minute: %s", what)
}

// A search that lists a server for the first time ends well although an edit
// removes the server meanwhile.
func TestServerIsRemovedDuringItsFirstSearch(t *testing.T) {
	t.Parallel()
	c := newConfigured(t, nil)
	c.editMode("gated", map[string]string{"slow": "Listed late."})
	h := serve(t, c.Session).start()
	h.send(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"mcp","arguments":{"action":"search_tools","query":"returns its arguments"}}}`)
	eventually(t, "the server is connected", func() bool {
		v := c.current.Load()
		s, err := v.Server("slow")
		return err == nil && v.condition(s).status == upstream.Connected
	})
	c.edit(nil)
	contains(t, h.call(`{"action":"list_servers"}`), `{\"servers\":[]}`) // the edit was noticed
	if err := os.WriteFile(c.gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	contains(t, h.line(), `"id":7`, `\"server\":\"slow\"`, `\"tool\":\"echo\"`)
}

// A process that was stopped holds its locks for good. The end of another
// process does not wait for that.
func TestEndDoesNotWaitForTheRecordOfFailures(t *testing.T) {
	t.Parallel()
	c := newConfigured(t, map[string]string{"a": "one"})
	unlock, err := privatefile.Lock(t.Context(), c.proxy.failures.file+".lock")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	h := serve(t, c.Session).start()
	contains(t, h.call(`{"action":"call","server":"a","tool":"die"}`), "interrupted") // a failure to record
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Close()
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("still waiting for the lock after a minute")
	}
}

// Of one call, the server is looked up once and the tool once.
func TestServerAndToolAreLookedUpOnce(t *testing.T) {
	t.Parallel()
	s := newTest(t, childServer(t, "raw", "raw"))
	h := serve(t, s).start()
	h.call(`{"action":"list_tools","server":"raw"}`)
	var mu sync.Mutex
	seen := make(map[string]int)
	s.testOnlyLookup = func(what string) {
		mu.Lock()
		defer mu.Unlock()
		seen[what]++
	}
	for request, want := range map[string]map[string]int{
		`{"action":"call","server":"raw","tool":"pid"}`:          {"server": 1, "tool": 1},
		`{"action":"call","server":"RAW","tool":"pid"}`:          {"server": 1, "tool": 1},
		`{"action":"call","tool":"raw.pid"}`:                     {"server": 1, "tool": 1},
		`{"action":"call","tool":"pid"}`:                         {"server": 1, "tool": 1},
		`{"action":"describe_tool","server":"raw","tool":"pid"}`: {"server": 1, "tool": 1},
		`{"action":"list_tools","server":"raw"}`:                 {"server": 1},
	} {
		line := h.call(request)
		mu.Lock()
		if !maps.Equal(seen, want) || strings.Contains(line, `"isError":true`) {
			t.Errorf("%s: looked up %v, want %v: %s", request, seen, want, line)
		}
		clear(seen)
		mu.Unlock()
	}
}

// What a request makes of an older view is not put into use: it would not be
// replaced any more.
func TestTargetIsOfTheNewestView(t *testing.T) {
	t.Parallel()
	c := newConfigured(t, map[string]string{"a": "one", "gone": "x"})
	old := c.View(t.Context())
	c.edit(map[string]string{"a": "two"})
	fresh := c.View(t.Context())
	if fresh == old {
		t.Fatal("the edit was not noticed")
	}
	for _, name := range []string{"a", "gone"} {
		if _, err := old.target(at(t, old, name)); !errors.Is(err, upstream.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(c.targets); n != 0 {
		t.Errorf("%d targets", n)
	}
}

// A request whose server is replaced before anything was sent begins anew:
// what the edit forbids is not done.
func TestRequestBeginsAnewWhenItsServerIsReplaced(t *testing.T) {
	t.Parallel()
	c := newConfigured(t, map[string]string{"a": "one"})
	h := serve(t, c.Session).start()
	contains(t, h.call(`{"action":"call","server":"a","tool":"pid"}`), "pid ")
	text, err := os.ReadFile(c.file)
	if err != nil {
		t.Fatal(err)
	}
	blocked := strings.Replace(string(text), `"command"`, `"tool_filter":{"exclude":["pid"]},"command"`, 1)
	var edited atomic.Bool
	c.testOnlyLookup = func(string) { // the request has its view and is being read
		if edited.CompareAndSwap(false, true) {
			c.write(blocked)
			c.View(t.Context())
		}
	}
	contains(t, h.call(`{"action":"call","server":"a","tool":"pid"}`), `\"code\":\"blocked\"`)
}

// A server that needs a login is looked up once as well, and telling so
// prepares no connection.
func TestServerThatNeedsALoginIsLookedUpOnce(t *testing.T) {
	t.Parallel()
	authority := auth.New(auth.Options{Vault: vault.Open(vault.Options{StateDir: t.TempDir(), Store: vault.StoreFile})})
	t.Cleanup(authority.Close)
	entry := config.Entry{Config: upstream.Config{Type: upstream.HTTP, URL: "http://127.0.0.1:9/mcp"}}
	entry.OAuth = &auth.Config{AuthorizeURL: "http://127.0.0.1:9/a", TokenURL: "http://127.0.0.1:9/t", ClientID: "c", RedirectURI: "http://127.0.0.1:1/callback"}
	s := newSession(t, Options{Catalog: catalog.New(), Redactor: new(redact.Redactor), CacheDir: t.TempDir(), Authority: authority}, SessionOptions{
		Config: &config.Config{Servers: []*config.Server{{Name: "a", ID: "id-a", Entry: entry}, {Name: "b", ID: "id-b", Entry: entry}}},
		Getenv: func(string) (string, bool) { return "", false },
	})
	h := serve(t, s).start()
	var lookups atomic.Int32
	s.testOnlyLookup = func(string) { lookups.Add(1) }
	for request, want := range map[string]int32{
		`{"action":"status","server":"a"}`: 1,
		`{"action":"list_servers"}`:        0,
	} {
		contains(t, h.call(request), "needs_auth", "proxy login a")
		if got := lookups.Swap(0); got != want {
			t.Errorf("%s: %d look-ups, want %d", request, got, want)
		}
	}
	if n := len(s.targets); n != 0 {
		t.Errorf("%d connections prepared", n)
	}
	contains(t, h.call(`{"action":"login","server":"a"}`), `\"flow\":\"paste\"`)
	contains(t, h.call(`{"action":"list_tools"}`), `\"reason\":\"a login to a waits for the person\"`, `\"reason\":\"b needs the person to log in\"`)
}

// Two hosts in one process see their own configuration and environment, and
// have children of their own.
func TestTwoHostsInOneProcess(t *testing.T) {
	t.Parallel()
	p := New(Options{Catalog: catalog.New(), Redactor: new(redact.Redactor), CacheDir: t.TempDir()})
	defer p.Close()
	pids := make(map[string]bool)
	for _, who := range []string{"one", "two"} {
		server := childServer(t, "raw", "${env:MODE_OF_CHILD}")
		own := childServer(t, "only-"+who, "raw")
		s := p.NewSession(SessionOptions{
			Config: &config.Config{Servers: []*config.Server{own, server}},
			Getenv: func(name string) (string, bool) { return "raw", name == "MODE_OF_CHILD" },
		})
		defer s.Close()
		h := serve(t, s).start()
		list := h.call(`{"action":"list_servers"}`)
		contains(t, list, "only-"+who)
		if strings.Count(list, "only-") != 1 {
			t.Errorf("%s sees %s", who, list)
		}
		pids[pidOf.FindString(h.call(`{"action":"call","server":"raw","tool":"pid"}`))] = true
	}
	if len(pids) != 2 || pids[""] {
		t.Errorf("children %v", pids)
	}
	if _, err := os.Stat(filepath.Join(p.opts.CacheDir, "results")); err == nil {
		t.Error("a folder for results was made without need")
	}
}
