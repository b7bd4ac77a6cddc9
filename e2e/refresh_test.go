package e2e

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mcpproxy/auth/authtest"
)

// A grantWorld is an account that has logged in to our own authorization
// server, with a gate before the token endpoint.
type grantWorld struct {
	*sandbox
	server *authtest.Server
	person *person

	held   chan struct{} // a request is held
	free   chan struct{} // closed to let all pass
	before atomic.Bool   // hold what comes, before the server sees it
	after  atomic.Bool   // hold the server's answer
}

func newGrantWorld(t tb) *grantWorld {
	t.Helper()
	s := newSandbox(t)
	w := &grantWorld{sandbox: s, server: s.newTestServer(authtest.Options{NoDevice: true}), held: make(chan struct{}, 10), free: make(chan struct{})}
	w.person = newPerson(t, w.server.URL)
	gate := httptest.NewServer(w)
	t.Cleanup(gate.Close)
	s.configure(servers{"acme": discovering(w.server.ResourceURL(), "token_url", gate.URL+"/token")})
	host := w.host()
	w.login(host)
	host.close()
	return w
}

func (w *grantWorld) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	hold := func() {
		w.held <- struct{}{}
		select {
		case <-w.free:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
	origin, err := url.Parse(w.server.URL)
	if err != nil {
		panic(err)
	}
	onward := httputil.NewSingleHostReverseProxy(origin)
	onward.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	onward.ModifyResponse = func(*http.Response) error {
		if w.after.Load() {
			hold()
		}
		return nil
	}
	if w.before.Load() {
		r.ParseForm() // what has been read whole is seen to be gone
		hold()
	}
	onward.ServeHTTP(rw, r)
}

func (w *grantWorld) host() *peer {
	w.t.Helper()
	host := w.serve()
	host.open(rev2025)
	return host
}

func (w *grantWorld) login(host *peer) {
	w.t.Helper()
	_, landed := host.pending("acme", w.person)
	host.mcp(entry{"action": "complete_login", "server": "acme", "redirect_url": landed}).ok()
}

// call begins a call.
func (w *grantWorld) call(host *peer) (answer func() toolResult) {
	w.t.Helper()
	_, ch := host.ask("tools/call", entry{"name": "mcp", "arguments": entry{
		"action": "call", "server": "acme", "tool": "echo", "arguments": entry{"text": "x"}}})
	return func() toolResult {
		w.t.Helper()
		return newToolResult(w.t, host.await("call", ch).Result)
	}
}

// requests counts the refreshes that the authorization server was asked for.
func (w *grantWorld) requests() int { return w.server.Count(authtest.TokenRequest, "refresh_token") }

// A proxy dies with its refresh on the way, before the authorization server
// knows of it: the next one refreshes, and nobody has to log in.
func TestDeathBeforeTheRefresh(t *testing.T) {
	t.Parallel()
	w := newGrantWorld(t)
	w.before.Store(true)
	w.server.ExpireTokens()
	first, second := w.host(), w.host()
	w.call(first)
	<-w.held
	waiting := w.call(second)
	w.before.Store(false)
	first.kill()
	waiting().ok()
	if n := w.requests(); n != 1 || w.server.Count(authtest.Reused, "") != 0 {
		t.Errorf("%d refreshes: %v", n, w.server.Events())
	}
}

// A proxy dies after the authorization server has replaced the refresh token,
// with the answer: that one is gone for everyone. The old one is tried once,
// by one of the others; then all ask for a login, which helps them all.
func TestDeathWithTheAnswer(t *testing.T) {
	t.Parallel()
	w := newGrantWorld(t)
	w.after.Store(true)
	w.server.ExpireTokens()
	first, second, third := w.host(), w.host(), w.host()
	w.call(first)
	<-w.held
	w.after.Store(false)
	first.kill()
	w.call(second)().refused("needs_auth")
	w.call(third)().refused("needs_auth")
	w.call(second)().refused("needs_auth")
	if out := w.proxy("call", "acme", "echo", `{"text":"x"}`); out.code != 4 {
		t.Errorf("the command line exits with %d: %s", out.code, out.all())
	}
	if out := w.proxy("refresh", "acme"); out.code != 4 {
		t.Errorf("refresh exits with %d: %s", out.code, out.all())
	}
	if n := w.requests(); n != 3 { // the last one because a person asked
		t.Errorf("the authorization server was asked %d times: %v", n, w.server.Events())
	}
	w.login(third)
	for _, host := range []*peer{second, third} {
		w.call(host)().ok()
	}
}

// A proxy whose host leaves in the middle of a refresh stays until the new
// token is safe, and no longer.
func TestLeavingDuringARefresh(t *testing.T) {
	t.Parallel()
	w := newGrantWorld(t)
	w.after.Store(true)
	w.server.ExpireTokens()
	host := w.host()
	w.call(host)
	<-w.held
	host.stdin.Close()
	if poll(500*time.Millisecond, func() bool {
		select {
		case <-host.done:
			return true
		default:
			return false
		}
	}) {
		t.Error("the proxy left without its answer")
	}
	w.after.Store(false)
	close(w.free)
	host.close()
	w.call(w.host())().ok()
	if n := w.requests(); n != 1 || w.server.Count(authtest.Reused, "") != 0 {
		t.Errorf("%d refreshes: %v", n, w.server.Events())
	}
}

// Whoever needs a token while another process refreshes it waits for that one.
func TestOneRefreshForAll(t *testing.T) {
	t.Parallel()
	w := newGrantWorld(t)
	w.after.Store(true)
	w.server.ExpireTokens()
	var answers []func() toolResult
	for range 5 {
		host := w.host()
		answers = append(answers, w.call(host), w.call(host))
	}
	<-w.held
	w.after.Store(false)
	close(w.free)
	for _, answer := range answers {
		answer().ok()
	}
	if n := w.requests(); n != 1 {
		t.Errorf("%d refreshes: %v", n, w.server.Events())
	}
}

// An authorization server that fails costs no login, however long it does.
func TestRefreshSurvivesAnOutage(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]authtest.Fault{
		"HTTP 503": {Status: 503, Body: "<html>"}, "cut": {Drop: true}, "redirect": {Redirect: "http://127.0.0.1:1/token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newGrantWorld(t)
			w.server.Fail(authtest.Token, f)
			w.server.ExpireTokens()
			host := w.host()
			if r := w.call(host)(); !r.IsError {
				t.Fatalf("a call is answered: %s", r.text())
			} else if code := refusalOf(r).Code; code == "needs_auth" {
				t.Errorf("a login is asked for: %s", r.text())
			}
			if out := w.proxy("refresh", "acme"); out.code != 6 {
				t.Errorf("refresh exits with %d: %s", out.code, out.all())
			}
			w.healed(host)
		})
	}
}

// A refusal in other words than the RFC's asks for a login, and so does a
// success without tokens. The refresh token is kept, and a person can have it
// tried again.
func TestRefusedRefresh(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault authtest.Fault
		says  string
	}{
		"other words":    {authtest.Fault{Status: 400, Body: `{"error":"invalid_request","error_description":"Refresh token expired"}`}, "invalid_request"},
		"as GitHub does": {authtest.Fault{Body: `{"error":"bad_refresh_token"}`}, "bad_refresh_token"},
		"a page":         {authtest.Fault{Status: 400, Body: "invalid_grant"}, "HTTP 400"},
		"text":           {authtest.Fault{Status: 401, Body: "Refresh token revoked"}, "HTTP 401"},
		"no tokens":      {authtest.Fault{Body: "<html>"}, "answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newGrantWorld(t)
			w.server.Fail(authtest.Token, c.fault)
			w.server.ExpireTokens()
			host := w.host()
			for _, h := range []*peer{host, w.host()} {
				r := w.call(h)()
				r.refused("needs_auth")
				mentions(t, "the refusal", refusalOf(r).Message, []string{c.says})
			}
			if st := w.loginState("acme", "needs_auth"); st.State != "needs_login" {
				t.Errorf("status %+v", st)
			}
			if n := w.server.Count(authtest.Faulted, ""); n != 1 {
				t.Errorf("%d refreshes", n)
			}
			if out := w.proxy("refresh", "acme"); out.code != 4 || !strings.Contains(out.stderr, c.says) {
				t.Errorf("refresh exits with %d: %s", out.code, out.all())
			}
			w.healed(host)
		})
	}
}

// healed expects a refresh to help once the token endpoint works again.
func (w *grantWorld) healed(host *peer) {
	w.t.Helper()
	w.server.Heal(authtest.Token)
	if out := w.proxy("refresh", "acme"); out.code != 0 {
		w.t.Errorf("after it refresh exits with %d: %s", out.code, out.all())
	}
	eventually(w.t, "calls are answered again", func() bool { return !w.call(host)().IsError })
	if n := w.server.Count(authtest.Authorized, ""); n != 1 {
		w.t.Errorf("%d logins", n)
	}
}

// refusalOf reads what went wrong.
func refusalOf(r toolResult) refusal {
	r.t.Helper()
	var reply struct {
		Error refusal `json:"error"`
	}
	r.into(&reply)
	return reply.Error
}
