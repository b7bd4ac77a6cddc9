package auth

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/auth/authtest"
	"mcpproxy/auth/vault"
)

// A login, its use, its renewal and its end, with the client of the SDK.
func TestLoginStory(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{ProtectedScopes: []string{"read"}})
	a, s := w.process(t), w.upstream()

	_, err := w.connect(t, a, s)
	needs, ok := errors.AsType[*NeedsAuthError](err)
	if !ok || needs.Reason != NoCredential || strings.Join(needs.Scopes, " ") != "read" {
		t.Fatalf("connected without a login: %v", err)
	}
	if st, err := a.Status(s); err != nil || st.State != NeedsLogin || st.Pending != nil {
		t.Fatalf("status %+v, %v", st, err)
	}

	l := begin(t, a, s, FlowBrowser)
	if st, err := a.Status(s); err != nil || st.Pending == nil || st.Pending.Orphaned || st.Pending.Flow != vault.CodeFlow {
		t.Fatalf("status %+v, %v", st, err)
	}
	status, page := visit(t, l.AuthorizeURL)
	if status != http.StatusOK || !strings.Contains(page, "You are logged in to up") {
		t.Fatalf("landed on HTTP %d: %s", status, page)
	}
	wait(t, l, "")
	if st, err := a.Status(s); err != nil || st.State != LoggedIn || st.Pending != nil || st.ExpiresAt.IsZero() {
		t.Fatalf("status %+v, %v", st, err)
	}

	session, err := w.connect(t, a, s)
	if err != nil {
		t.Fatal(err)
	}
	greet := func() error {
		_, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "greet"})
		return err
	}
	if err := greet(); err != nil {
		t.Fatal(err)
	}
	w.ExpireTokens() // within a session, refreshed after a 401
	for range 3 {
		if err := greet(); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.Count(authtest.Rotated, ""); n != 1 {
		t.Errorf("%d rotations", n)
	}
	w.RevokeGrants()
	err = greet()
	if needs, ok := errors.AsType[*NeedsAuthError](err); !ok || needs.Reason != Revoked {
		t.Fatalf("after the grant was revoked: %v", err)
	}
	if st, err := a.Status(s); err != nil || st.State != NeedsLogin {
		t.Fatalf("status %+v, %v", st, err)
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	known := strings.Join(w.secrets, "\n") + "\n" + l.State
	for _, secret := range w.Secrets() {
		if !strings.Contains(known, secret) {
			t.Errorf("a secret was not registered for redaction: %.8s…", secret)
		}
	}
}

// A server that supports only 2026-07-28: server/discover gets the 401, and
// the initialize that the SDK sends next fails otherwise.
func TestConnectTellsOfLogin(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	modern := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Mcp-Method") == "server/discover" {
			rw.Header().Set("WWW-Authenticate", `Bearer scope="read"`)
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		rw.WriteHeader(http.StatusBadRequest)
	}))
	defer modern.Close()
	s := w.upstream()
	s.URL = modern.URL + "/mcp"
	_, err := w.connect(t, w.process(t), s)
	needs, ok := errors.AsType[*NeedsAuthError](err)
	if !ok || join(needs.Scopes) != "read" {
		t.Errorf("%v, want a NeedsAuthError", err)
	}
}

func TestPasteInAnotherProcess(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	s := w.upstream()
	first := w.process(t)
	l := begin(t, first, s, FlowPaste)
	pasted := landing(t, l.AuthorizeURL)
	if _, err := http.Get(pasted); err == nil {
		t.Error("something listens although only pasting was asked for")
	}
	first.Close()
	if !errors.Is(l.Wait(t.Context()), ErrClosed) {
		t.Errorf("the login did not end with its process")
	}

	second := w.process(t)
	if st, err := second.Status(s); err != nil || st.Pending == nil || !st.Pending.Orphaned {
		t.Fatalf("status %+v, %v", st, err)
	}
	if err := second.Complete(t.Context(), s, " <"+pasted[:40]+"\n  "+pasted[40:]+"> "); err != nil {
		t.Fatal(err)
	}
	ok(t, second.Handler(s), s.URL)
	if err := second.Complete(t.Context(), s, pasted); reasonOfLogin(err) != AlreadyFinished {
		t.Errorf("second paste: %v", err)
	}
}

// A login that waits in one process ends when another process completes it.
func TestPasteEndsTheWaitElsewhere(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	s := w.upstream()
	l := begin(t, w.process(t), s, FlowBrowser)
	_, query, _ := strings.Cut(landing(t, l.AuthorizeURL), "?")
	if err := w.process(t).Complete(t.Context(), s, query); err != nil {
		t.Fatal(err)
	}
	wait(t, l, "")
}

func TestPasteRefused(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	a, s := w.process(t), w.upstream()
	if err := a.Complete(t.Context(), s, "?code=c&state=s"); reasonOfLogin(err) != NoLogin {
		t.Errorf("without a login: %v", err)
	}
	l := begin(t, a, s, FlowBrowser)
	for pasted, reason := range map[string]LoginReason{
		"":                                 BadRedirect,
		"abc":                              BadRedirect,
		"http://127.0.0.1/callback":        BadRedirect,
		"?code=abc":                        BadRedirect,
		"?state=" + l.State:                BadRedirect,
		"?code=a&code=b&state=" + l.State:  BadRedirect,
		"?code=abc&state=other":            WrongState,
		"?error=access_denied&state=other": WrongState,
		strings.Repeat("x", maxPaste+1):    BadRedirect,
	} {
		err := a.Complete(t.Context(), s, pasted)
		e, ok := errors.AsType[*LoginError](err)
		if !ok || e.Reason != reason || !e.Waiting() {
			t.Errorf("%.40q: %v, want %s", pasted, err, reason)
		}
	}
	// The login is still pending.
	if err := a.Complete(t.Context(), s, landing(t, l.AuthorizeURL)); err != nil {
		t.Fatal(err)
	}
	wait(t, l, "")
}

func TestCallbackRefused(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	a, s := w.process(t), w.upstream()
	l := begin(t, a, s, FlowBrowser)
	u, err := url.Parse(l.AuthorizeURL)
	if err != nil {
		t.Fatal(err)
	}
	callback := u.Query().Get("redirect_uri")
	for suffix, want := range map[string]int{
		"":                            http.StatusBadRequest,
		"?code=abc&state=other":       http.StatusBadRequest,
		"x?code=abc&state=" + l.State: http.StatusNotFound,
	} {
		if status, _ := visit(t, callback+suffix); status != want {
			t.Errorf("%s: HTTP %d, want %d", suffix, status, want)
		}
	}
	landed := landing(t, l.AuthorizeURL)
	if resp, err := http.Head(landed); err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("HEAD: %v, %v", resp, err)
	}
	if status, _ := visit(t, landed); status != http.StatusOK {
		t.Errorf("the login has not gone on waiting: HTTP %d", status)
	}
	wait(t, l, "")
}

func TestLoginEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(*testbed)
		reason  LoginReason
	}{
		"denied":         {func(w *testbed) { w.Decide(authtest.Deny) }, Denied},
		"expired code":   {func(w *testbed) { w.Override(authtest.Authorize, map[string]any{"code": "old"}) }, CodeRefused},
		"other error":    {func(w *testbed) { w.Override(authtest.Authorize, map[string]any{"code": nil, "error": "server_error"}) }, Refused},
		"no token":       {func(w *testbed) { w.Override(authtest.Token, map[string]any{"access_token": nil}) }, BadToken},
		"header split":   {func(w *testbed) { w.Override(authtest.Token, map[string]any{"access_token": "a\r\nb"}) }, BadToken},
		"DPoP token":     {func(w *testbed) { w.Override(authtest.Token, map[string]any{"token_type": "DPoP"}) }, BadToken},
		"iss missing":    {func(w *testbed) { w.Override(authtest.Authorize, map[string]any{"iss": nil}) }, WrongIssuer},
		"iss wrong":      {func(w *testbed) { w.Override(authtest.Authorize, map[string]any{"iss": "https://evil.example"}) }, WrongIssuer},
		"iss normalised": {func(w *testbed) { w.Override(authtest.Authorize, map[string]any{"iss": w.Issuer() + "/"}) }, WrongIssuer},
		"iss of an error": {func(w *testbed) {
			w.Decide(authtest.Deny)
			w.Override(authtest.Authorize, map[string]any{"iss": "https://evil.example"})
		}, WrongIssuer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTestbed(t, authtest.Options{Protected: open})
			a, s := w.process(t), w.upstream()
			c.prepare(w)
			l := begin(t, a, s, FlowBrowser)
			visit(t, l.AuthorizeURL)
			wait(t, l, c.reason)
			if c.reason == WrongIssuer && w.Count(authtest.TokenRequest, "") > 0 {
				t.Error("the code was sent on")
			}
			if st, err := a.Status(s); err != nil || st.State != NeedsLogin || st.Pending != nil {
				t.Errorf("status %+v, %v", st, err)
			}
		})
	}
}

// RFC 9207, if the metadata does not promise the parameter.
func TestIssNotPromised(t *testing.T) {
	t.Parallel()
	for iss, reason := range map[string]LoginReason{"": "", "right": "", "https://evil.example": WrongIssuer} {
		w := newTestbed(t, authtest.Options{Protected: open})
		w.Override(authtest.Metadata, map[string]any{"authorization_response_iss_parameter_supported": nil})
		switch iss {
		case "":
			w.Override(authtest.Authorize, map[string]any{"iss": nil})
		case "right":
		default:
			w.Override(authtest.Authorize, map[string]any{"iss": iss})
		}
		l := begin(t, w.process(t), w.upstream(), FlowBrowser)
		visit(t, l.AuthorizeURL)
		wait(t, l, reason)
	}
}

func TestFreshLoginSupersedes(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	a, b, s := w.process(t), w.process(t), w.upstream()
	first := begin(t, a, s, FlowBrowser)
	stale := landing(t, first.AuthorizeURL)
	second := begin(t, a, s, FlowBrowser) // in the same process
	third := begin(t, b, s, FlowBrowser)  // in another one
	if err := b.Complete(t.Context(), s, stale); reasonOfLogin(err) != WrongState {
		t.Errorf("paste of a superseded login: %v", err)
	}
	visit(t, third.AuthorizeURL)
	wait(t, third, "")
	wait(t, second, "")
	wait(t, first, "")
	if _, err := http.Get(stale); err == nil {
		t.Error("the superseded login still listens")
	}
}

func TestSupersededAndCancelled(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	a, b, s := w.process(t), w.process(t), w.upstream()
	first := begin(t, a, s, FlowBrowser)
	second := begin(t, b, s, FlowBrowser)
	pasted := landing(t, second.AuthorizeURL)
	stale := landing(t, first.AuthorizeURL)
	waitFor(t, func() bool { // until the first login has noticed
		resp, err := http.Get(stale + "x")
		if err == nil {
			resp.Body.Close()
		}
		return err != nil
	})
	second.Cancel()
	wait(t, second, Cancelled)
	wait(t, first, Superseded)
	if err := a.Complete(t.Context(), s, pasted); reasonOfLogin(err) != NoLogin {
		t.Errorf("paste of a cancelled login: %v", err)
	}
}

func TestBusyPortLeavesPasting(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	_, port, _ := net.SplitHostPort(busy.Addr().String())
	for _, redirect := range []string{"http://127.0.0.1:" + port + "/callback", "http://localhost:" + port + "/callback", "https://app.example/callback"} {
		s := w.upstream(func(c *Config) { c.RedirectURI = redirect })
		a := w.process(t)
		l := begin(t, a, s, FlowBrowser)
		if _, ok := errors.AsType[*ListenError](l.CallbackError); !ok {
			t.Errorf("%s: %v", redirect, l.CallbackError)
		}
		pasted := landing(t, l.AuthorizeURL)
		if !strings.HasPrefix(pasted, redirect+"?") {
			t.Errorf("sent to %.60s", pasted)
		}
		if err := a.Complete(t.Context(), s, pasted); err != nil {
			t.Error(err)
		}
	}
}

func TestExpiredLogin(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	a, s := w.process(t), w.upstream()
	l := begin(t, a, s, FlowPaste)
	pasted := landing(t, l.AuthorizeURL)
	// The same login, expired.
	p := l.pending
	p.Expires = time.Now().Add(-time.Second)
	if _, release, err := a.vault.SavePending(t.Context(), s.Key, p); err != nil {
		t.Fatal(err)
	} else {
		defer release()
	}
	if err := a.Complete(t.Context(), s, pasted); reasonOfLogin(err) != LoginExpired {
		t.Errorf("paste of an expired login: %v", err)
	}
}
