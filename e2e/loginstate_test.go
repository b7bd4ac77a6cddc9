package e2e

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"mcpproxy/auth/authtest"
)

// A loginState is what "proxy status" tells about a login.
type loginState struct {
	State   string
	Scopes  []string
	Pending *struct {
		Flow     string
		Orphaned bool
	} `json:"pending_login"`
}

// loginState runs "proxy status", which must say in words what it says in JSON.
func (s *sandbox) loginState(server string, words ...string) loginState {
	s.t.Helper()
	var list struct {
		Servers []struct{ Auth loginState }
	}
	out := s.proxy("status", server, "--json")
	if err := json.Unmarshal([]byte(out.stdout), &list); err != nil || len(list.Servers) != 1 {
		s.t.Fatalf("status: %v %s", err, out.all())
	}
	mentions(s.t, "status", s.proxy("status", server).all(), words)
	return list.Servers[0].Auth
}

// loginByBrowser runs "proxy login", and who goes to its link.
func (s *sandbox) loginByBrowser(who *person, args ...string) {
	s.t.Helper()
	command := s.daemon(nil, binary(s.t), append([]string{"login"}, args...)...)
	command.stdin.Close() // so that it begins at once
	who.land(s.linkOf(command))
	<-command.gone
	if !strings.HasPrefix(command.stdout.String(), "logged in") {
		s.t.Fatalf("login: %s%s", command.stdout, command.stderr)
	}
}

// A login's whole life as status, and the exit statuses, tell it: nothing,
// one that waits, one that was left, one with too little scope, one with
// enough, refreshed, and revoked.
func TestStatusOfALogin(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newTestServer(authtest.Options{NoDevice: true, ProtectedScopes: []string{"read", "write"}})
	who := newPerson(t, a.URL)
	s.configure(servers{"acme": discovering(a.ResourceURL())})
	call := func(code int, words ...string) {
		t.Helper()
		out := s.proxy("call", "acme", "echo", `{"text":"in"}`)
		if out.code != code {
			t.Errorf("a call exits with %d, not %d: %s", out.code, code, out.all())
		}
		mentions(t, "call", out.all(), words)
	}
	if st := s.loginState("acme", "needs_auth"); st.State != "needs_login" || st.Pending != nil {
		t.Errorf("at first: %+v", st)
	}
	call(4, "proxy login acme")

	waits, link := s.startLogin("acme", "--scope", "read")
	if st := s.loginState("acme", "pending until"); st.Pending == nil || st.Pending.Flow != "code" || st.Pending.Orphaned {
		t.Errorf("while a login waits: %+v", st)
	}
	landed := who.allow(link)
	waits.kill()
	if st := s.loginState("acme", "pending, can only be pasted"); st.Pending == nil || !st.Pending.Orphaned {
		t.Errorf("when it was left: %+v", st)
	}
	if out := s.run(landed+"\n", binary(t), "login", "acme"); out.code != 0 {
		t.Fatalf("login exits with %d: %s", out.code, out.all())
	}
	if st := s.loginState("acme", "logged in"); st.State != "logged_in" || st.Pending != nil || slices.Contains(st.Scopes, "write") {
		t.Errorf("with one scope: %+v", st)
	}
	call(4, "proxy login acme --scope read --scope write")

	s.loginByBrowser(who, "acme", "--scope", "write")
	if st := s.loginState("acme"); !slices.Contains(st.Scopes, "read") || !slices.Contains(st.Scopes, "write") {
		t.Errorf("with both scopes: %+v", st)
	}
	call(0, "in")
	if out := s.proxy("refresh", "acme"); out.code != 0 || a.Count(authtest.Rotated, "") != 1 {
		t.Errorf("refresh exits with %d: %s", out.code, out.all())
	}
	if st := s.loginState("acme"); !slices.Contains(st.Scopes, "write") {
		t.Errorf("after the refresh: %+v", st)
	}
	if out := s.proxy("logout", "acme"); out.code != 0 || !strings.Contains(out.stdout, "revoked") || a.Count(authtest.GrantRevoked, "") == 0 {
		t.Errorf("logout exits with %d: %s", out.code, out.all())
	}
	if st := s.loginState("acme", "needs_auth"); st.State != "needs_login" {
		t.Errorf("after the logout: %+v", st)
	}
	call(4)

	s.loginByBrowser(who, "acme")
	a.Fail(authtest.Revoke, authtest.Fault{Status: 503})
	if out := s.proxy("logout", "acme"); out.code != 0 || !strings.Contains(out.stdout, "could not be told") {
		t.Errorf("logout without an answer exits with %d: %s", out.code, out.all())
	}
	call(4)
}

// Without a keyring nothing is written in clear by itself; where the person
// says so in the configuration, the file store works.
func TestFileStoreByChoice(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newTestServer(authtest.Options{NoDevice: true})
	s.setenv("PROXY_TOKEN_STORE=", "DBUS_SESSION_BUS_ADDRESS=unix:path="+s.path("nowhere"))
	s.configure(servers{"acme": discovering(a.ResourceURL())})
	out := s.proxy("login", "acme")
	if out.code != 5 {
		t.Errorf("login exits with %d: %s", out.code, out.all())
	}
	mentions(t, "login", out.stderr, []string{"keyring", `"token_store": "file"`})
	if n := len(a.Events()); n != 0 {
		t.Errorf("the person is sent on for nothing: %v", a.Events())
	}
	s.configure(servers{"acme": discovering(a.ResourceURL())}, entry{"token_store": "file"})
	s.loginByBrowser(newPerson(t, a.URL), "acme")
	if out := s.proxy("call", "acme", "echo", `{"text":"in"}`); out.code != 0 {
		t.Errorf("a call exits with %d: %s", out.code, out.all())
	}
	for path, mode := range map[string]os.FileMode{"credentials.json": 0o600, "": 0o700} {
		if info, err := os.Stat(s.path("state/proxy/vault/file/" + path)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q: %v, %v", path, info, err)
		}
	}
}

// A server is not told to be connected while its login is gone, which another
// process may have revoked. One that takes anybody needs no login.
func TestStatusOfALostLogin(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newTestServer(authtest.Options{NoDevice: true})
	open := httptest.NewServer(newFakeUpstream("open", 0))
	t.Cleanup(open.Close)
	s.configure(servers{"acme": discovering(a.ResourceURL()), "open": discovering(open.URL + "/mcp")})
	s.loginByBrowser(newPerson(t, a.URL), "acme")
	host := s.serve()
	host.open(rev2025)
	status := func(server string) (st struct {
		Status string
		Auth   struct{ State string }
		Next   string
	}) {
		var list struct{ Servers []json.RawMessage }
		host.mcp(entry{"action": "status", "server": server}).ok().into(&list)
		if err := json.Unmarshal(list.Servers[0], &st); err != nil {
			t.Fatal(err)
		}
		return st
	}
	for _, server := range []string{"acme", "open"} {
		host.through(server, "echo", entry{"text": "in"}).ok()
		if st := status(server); st.Status != "connected" || st.Auth.State == "needs_login" {
			t.Errorf("%s after a call: %+v", server, st)
		}
	}
	if out := s.proxy("logout", "acme"); out.code != 0 {
		t.Fatalf("logout: %s", out.all())
	}
	if st := status("acme"); st.Status != "needs_auth" || st.Auth.State != "needs_login" || !strings.Contains(st.Next, "login") {
		t.Errorf("after a logout elsewhere: %+v", st)
	}
	s.loginByBrowser(newPerson(t, a.URL), "acme")
	host.through("acme", "echo", entry{"text": "in"}).ok()
	if st := status("acme"); st.Status != "connected" || st.Auth.State != "logged_in" {
		t.Errorf("after another login: %+v", st)
	}
}
