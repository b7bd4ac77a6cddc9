package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mcpproxy/auth/authtest"
	"mcpproxy/auth/egress"
	"mcpproxy/auth/vault"
)

// One token request per expiry, with any number of processes and callers.
func TestRefreshIsSingle(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	s := w.upstream()
	w.login(t, w.process(t), s)
	var handlers []*Handler
	for range 4 {
		h := w.process(t).Handler(s)
		ok(t, h, s.URL) // each has the credential in its cache
		handlers = append(handlers, h)
	}
	for round := 1; round <= 3; round++ {
		w.ExpireTokens()
		var wg sync.WaitGroup
		for range 5 {
			for _, h := range handlers {
				wg.Go(func() {
					if status, err := request(t, h, s.URL); err != nil || status != http.StatusOK {
						t.Errorf("HTTP %d, %v", status, err)
					}
				})
			}
		}
		wg.Wait()
		if n := w.Count(authtest.Rotated, ""); n != round {
			t.Fatalf("%d rotations after %d expiries", n, round)
		}
		for _, h := range append(handlers, handlers...) {
			ok(t, h, s.URL) // otherwise the next refusal would make the token suspect
		}
	}
	if w.Count(authtest.Reused, "")+w.Count(authtest.GrantRevoked, "") > 0 {
		t.Error("a refresh token was sent twice")
	}
}

// A token is refreshed before it expires, without a 401.
func TestRefreshAhead(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{AccessTokenTTL: 2 * time.Second, Protected: open})
	a, s := w.process(t), w.upstream()
	w.login(t, a, s)
	h := a.Handler(s)
	waitFor(t, func() bool {
		source, err := h.TokenSource(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		token, err := source.Token()
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		token.SetAuthHeader(req)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK && !time.Now().After(token.Expiry) { // else it was long on its way
			t.Fatalf("HTTP %d", resp.StatusCode)
		}
		return w.Count(authtest.Rotated, "") >= 2
	})
}

func TestRefreshFailures(t *testing.T) {
	t.Parallel()
	fail := func(f authtest.Fault) func(*testbed) {
		return func(w *testbed) { w.Fail(authtest.Token, f) }
	}
	for name, c := range map[string]struct {
		fault  func(*testbed)
		reason NeedsAuthReason // empty if the refresh is tried again
		code   string          // told by the status
	}{
		"network":         {fail(authtest.Fault{Drop: true}), "", "network"},
		"HTTP 500":        {fail(authtest.Fault{Status: 500, Body: "<html>"}), "", "http_500"},
		"HTTP 400, HTML":  {fail(authtest.Fault{Status: 400, Body: "<html>expired"}), Revoked, "http_400"},
		"HTTP 401, text":  {fail(authtest.Fault{Status: 401, Body: "Refresh token revoked"}), Revoked, "http_401"},
		"HTTP 403":        {fail(authtest.Fault{Status: 403, Body: `{"message":"no"}`}), Revoked, "http_403"},
		"other words":     {fail(authtest.Fault{Status: 400, Body: `{"error":"invalid_request","error_description":"Refresh token expired"}`}), Revoked, "invalid_request"},
		"as GitHub does":  {fail(authtest.Fault{Status: 200, Body: `{"error":"bad_refresh_token","error_description":"The refresh token passed is incorrect or expired."}`}), Revoked, "bad_refresh_token"},
		"an odd error":    {fail(authtest.Fault{Status: 400, Body: `{"error":{"message":"token expired"}}`}), Revoked, "http_400"},
		"HTTP 404":        {fail(authtest.Fault{Status: 404, Body: "<html>"}), "", "http_404"},
		"HTTP 429":        {fail(authtest.Fault{Status: 429, Body: `{"error":"too_many_requests"}`}), "", "too_many_requests"},
		"HTTP 503":        {fail(authtest.Fault{Status: 503, Body: `{"error":"invalid_request"}`}), "", "invalid_request"},
		"redirect":        {fail(authtest.Fault{Redirect: "/elsewhere"}), "", "http_307"},
		"temporary":       {fail(authtest.Fault{Status: 400, Body: `{"error":"temporarily_unavailable"}`}), "", "temporarily_unavailable"},
		"not JSON":        {fail(authtest.Fault{Status: 200, Body: "<html>"}), Unusable, unusableAnswer},
		"empty":           {fail(authtest.Fault{Status: 200, Body: "{}"}), Unusable, unusableAnswer},
		"endless":         {fail(authtest.Fault{Endless: true}), Unusable, unusableAnswer},
		"grant gone":      {func(w *testbed) { w.RevokeGrants() }, Revoked, "invalid_grant"},
		"client gone":     {func(w *testbed) { w.ForgetClients() }, Revoked, "invalid_client"},
		"grant, HTTP 200": {fail(authtest.Fault{Status: 200, Body: `{"error":"invalid_grant"}`}), Revoked, "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refreshFails(t, c.fault, c.reason, c.code, strings.HasSuffix(name, "gone"))
		})
	}
}

// refreshFails expects a refresh after fault to ask for a login for that
// reason, or to be tried again if it is empty. gone says that the fault stays.
func refreshFails(t *testing.T, fault func(*testbed), reason NeedsAuthReason, code string, gone bool) {
	t.Helper()
	w := newTestbed(t, authtest.Options{Protected: open})
	a, s := w.process(t), w.upstream()
	w.login(t, a, s)
	h := a.Handler(s)
	ok(t, h, s.URL)
	fault(w)
	w.ExpireTokens()
	_, err := request(t, h, s.URL)
	if reason != "" {
		if needs, ok := errors.AsType[*NeedsAuthError](err); !ok || needs.Reason != reason {
			t.Fatalf("%v, want a NeedsAuthError", err)
		}
	} else if e, ok := errors.AsType[*RefreshError](err); !ok || e.RetryAt.IsZero() || strings.Contains(err.Error(), "EOF") {
		t.Fatalf("%v, want a RefreshError in plain words", err)
	}
	// This process and another wait, or do not send the token at all.
	sent := func() int { return w.Count(authtest.TokenRequest, "") + w.Count(authtest.Faulted, "") }
	requests, first := sent(), err
	for _, h := range []*Handler{h, w.process(t).Handler(s)} {
		if reason != "" {
			needsAuth(t, h, s.URL, reason, "read", "write", "offline_access")
		}
		_, err := request(t, h, s.URL)
		if _, ok := errors.AsType[*RefreshError](err); !ok && reason == "" {
			t.Errorf("while backing off: %v", err)
		}
		if toldOf(err) != toldOf(first) {
			t.Errorf("told %q, and first %q", toldOf(err), toldOf(first))
		}
	}
	if n := sent(); n != requests {
		t.Errorf("%d token requests on their own", n-requests)
	}
	state := LoggedIn
	if reason != "" {
		state = NeedsLogin
	}
	if st, err := a.Status(s); err != nil || st.State != state || st.RefreshError != code {
		t.Errorf("status %+v, %v", st, err)
	}
	// A person who asks does not wait, and nothing was lost.
	w.Heal(authtest.Token)
	err = a.Refresh(t.Context(), s)
	if gone {
		if !needsLogin(err) {
			t.Errorf("refreshed: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	ok(t, h, s.URL)
	if st, err := a.Status(s); err != nil || st.State != LoggedIn || st.RefreshError != "" {
		t.Errorf("status %+v, %v", st, err)
	}
}

// toldOf is why a refresh failed, as a person reads it.
func toldOf(err error) string {
	if needs, ok := errors.AsType[*NeedsAuthError](err); ok {
		return fmt.Sprint(needs.Err)
	}
	return fmt.Sprint(err)
}

// Responses with missing or absurd members.
func TestRefreshAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		members map[string]any
		expires bool
	}{
		"no refresh token": {map[string]any{"refresh_token": nil}, true},
		"no expires_in":    {map[string]any{"expires_in": nil}, false},
		"huge":             {map[string]any{"expires_in": 1e300}, true},
		"a string":         {map[string]any{"expires_in": "3600"}, true},
		"negative":         {map[string]any{"expires_in": -1}, false},
		"nonsense":         {map[string]any{"expires_in": []int{1}, "scope": 7}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTestbed(t, authtest.Options{Protected: open, NoRotation: true})
			a, s := w.process(t), w.upstream()
			w.login(t, a, s)
			w.Override(authtest.Token, c.members)
			if err := a.Refresh(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			st, err := a.Status(s)
			if err != nil || st.State != LoggedIn || st.ExpiresAt.IsZero() == c.expires || st.ExpiresAt.After(time.Now().Add(367*24*time.Hour)) {
				t.Errorf("status %+v, %v", st, err)
			}
			if err := a.Refresh(t.Context(), s); err != nil {
				t.Errorf("the refresh token is gone: %v", err)
			}
			ok(t, a.Handler(s), s.URL)
		})
	}
}

// A refreshed token that cannot be saved is not used before it is saved.
func TestRefreshNotSaved(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	a, s := w.process(t), w.upstream()
	w.login(t, a, s)
	// A folder instead of the temporary file blocks the store.
	blocked := filepath.Join(w.stateDir, "vault", vault.StoreFile, "credentials.json.tmp")
	if err := os.MkdirAll(filepath.Join(blocked, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() { failed <- a.Refresh(t.Context(), s) }()
	waitFor(t, func() (noted bool) {
		a.update(s.Key, func(st *state) { noted = vault.ReasonOf(st.lastErr) == vault.Unavailable })
		return noted
	})
	if err := os.RemoveAll(blocked); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	ok(t, w.process(t).Handler(s), s.URL)
	if n := w.Count(authtest.Rotated, ""); n != 1 {
		t.Errorf("%d rotations", n)
	}
}

// A gatedTransport reports a request and delays its response.
type gatedTransport struct{ sent, answer chan struct{} }

func (g gatedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(req)
	close(g.sent)
	<-g.answer
	return resp, err
}

// A process that ends during a refresh still saves the tokens.
func TestCloseWaitsForRefresh(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	a, s := w.process(t), w.upstream()
	w.login(t, a, s)
	gate := gatedTransport{sent: make(chan struct{}), answer: make(chan struct{})}
	a.transports = egress.NewTransports(gate)
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error, 1)
	go func() { gaveUp <- a.Refresh(ctx, s) }()
	<-gate.sent
	cancel()
	if err := <-gaveUp; err == nil {
		t.Error("the caller was made to wait")
	}
	closed := make(chan struct{})
	go func() { a.Close(); close(closed) }()
	<-a.life.Done()
	close(gate.answer)
	<-closed
	if n := w.Count(authtest.Rotated, ""); n != 1 {
		t.Errorf("%d rotations", n)
	}
	ok(t, w.process(t).Handler(s), s.URL)
	if err := w.process(t).Refresh(t.Context(), s); err != nil {
		t.Errorf("the refresh token was lost: %v", err)
	}
	if w.Count(authtest.Reused, "") > 0 {
		t.Error("a refresh token was sent twice")
	}
	if err := a.Refresh(t.Context(), s); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// A token that the upstream never accepts needs a login, and does not loop.
func TestTokenNeverAccepted(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	a, s := w.process(t), w.upstream()
	w.login(t, a, s)
	h := a.Handler(s)
	never := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer never.Close()
	if status, err := request(t, h, never.URL); status != http.StatusUnauthorized || err != nil {
		t.Fatalf("HTTP %d, %v", status, err) // refreshed, and refused again
	}
	needsAuth(t, h, never.URL, Rejected, "read", "write", "offline_access")
	if n := w.Count(authtest.Rotated, ""); n != 1 {
		t.Errorf("%d rotations", n)
	}
}

func TestStepUp(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open, ProtectedScopes: []string{"write"}})
	a, s := w.process(t), w.upstream()
	w.login(t, a, s, "read")
	h := a.Handler(s)
	needsAuth(t, h, s.URL, InsufficientScope, "write")
	needsAuth(t, h, s.URL, InsufficientScope, "write") // Authorize is idempotent
	l := begin(t, a, s, FlowBrowser)
	if want := "read offline_access write"; l.pending.Scopes == nil || join(l.pending.Scopes) != want {
		t.Errorf("asks for %v, want %s", l.pending.Scopes, want)
	}
	visit(t, l.AuthorizeURL)
	wait(t, l, "")
	ok(t, h, s.URL)
}

// The upstream asks for a scope although a login asked for it.
func TestScopeNeverEnough(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open, Scopes: []string{"read", "admin"}})
	a, s := w.process(t), w.upstream()
	w.login(t, a, s, "read")
	h := a.Handler(s)
	never := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="admin"`)
		w.WriteHeader(http.StatusForbidden)
	}))
	defer never.Close()
	needsAuth(t, h, never.URL, InsufficientScope, "admin")
	w.Override(authtest.Token, map[string]any{"scope": "read"}) // the server did not grant it
	w.login(t, a, s)
	_, err := request(t, h, never.URL)
	e, ok := errors.AsType[*ForbiddenError](err)
	if !ok || join(e.Scopes) != "admin" {
		t.Errorf("%v, want a ForbiddenError", err)
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	a, s := w.process(t), w.upstream()
	w.login(t, a, s)
	l := begin(t, a, s, FlowBrowser)
	revoked, err := a.Logout(t.Context(), s)
	if err != nil || !revoked {
		t.Fatalf("revoked %v, %v", revoked, err)
	}
	wait(t, l, Cancelled)
	if w.Count(authtest.GrantRevoked, "") != 1 {
		t.Error("the server still honours the grant")
	}
	needsAuth(t, a.Handler(s), s.URL, NoCredential)
	if revoked, err := a.Logout(t.Context(), s); err != nil || revoked {
		t.Errorf("second logout: %v, %v", revoked, err)
	}
	b, err := os.ReadFile(filepath.Join(w.stateDir, "vault", vault.StoreFile, "credentials.json"))
	if err != nil || string(b) != "{}\n" && string(b) != "{}" {
		t.Errorf("left behind: %s, %v", b, err)
	}
}
