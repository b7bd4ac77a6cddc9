package auth

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"mcpproxy/auth/authtest"
	"mcpproxy/auth/egress"
	"mcpproxy/auth/vault"
)

func TestMetadataPlaces(t *testing.T) {
	t.Parallel()
	for _, place := range []authtest.ResourceMetadataPlace{
		authtest.ResourceMetadataByBoth, authtest.ResourceMetadataAtPath, authtest.ResourceMetadataAtRoot,
		authtest.ResourceMetadataElsewhere,
	} {
		for _, server := range []struct {
			path string
			at   authtest.MetadataPlace
		}{
			{"", authtest.MetadataOAuth},
			{"", authtest.MetadataOpenIDInserted},
			{"/tenant", authtest.MetadataOAuth},
			{"/tenant", authtest.MetadataOpenIDInserted},
			{"/tenant", authtest.MetadataOpenIDAppended},
		} {
			w := newTestbed(t, authtest.Options{Protected: open, ResourceMetadataAt: place, IssuerPath: server.path, MetadataAt: server.at})
			w.login(t, w.process(t), w.upstream())
		}
	}
}

// The specification of 2025-03-26 has no protected resource metadata.
func TestLegacyServers(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open, ResourceMetadataAt: authtest.ResourceMetadataNowhere})
	w.login(t, w.process(t), w.upstream())

	bare := newTestbed(t, authtest.Options{Protected: open, ResourceMetadataAt: authtest.ResourceMetadataNowhere, MetadataAt: authtest.MetadataNowhere})
	l := begin(t, bare.process(t), bare.upstream(), FlowPaste)
	if !strings.HasPrefix(l.AuthorizeURL, bare.URL+"/authorize?") {
		t.Errorf("sent to %s", l.AuthorizeURL)
	}
}

// Metadata and registration responses of hostile or broken servers. No code
// and no registration is sent on.
func TestHostileMetadata(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault func(*testbed)
		want  any // pointer to the type of the error
	}{
		"other resource":           {resource("resource", "https://bank.example/mcp"), new(*DiscoveryError)},
		"sibling resource":         {resource("resource", "URL/mc"), new(*DiscoveryError)},
		"deeper resource":          {resource("resource", "URL/mcp/deeper"), new(*DiscoveryError)},
		"no issuer":                {resource("authorization_servers", []string{}), new(*DiscoveryError)},
		"unlisted issuer":          {resource("authorization_servers", []string{"https://evil.example"}), new(*egress.BlockedHostError)},
		"unlisted private address": {resource("authorization_servers", []string{"https://10.0.0.1"}), new(*egress.BlockedHostError)},
		"plain http issuer":        {resource("authorization_servers", []string{"http://evil.example"}), new(*DiscoveryError)},
		"no URL as issuer":         {resource("authorization_servers", []string{"file:///etc/passwd"}), new(*DiscoveryError)},
		"other issuer":             {server("issuer", "https://evil.example"), new(*DiscoveryError)},
		"plain http endpoint":      {server("token_endpoint", "http://evil.example/token"), new(*DiscoveryError)},
		"script as endpoint":       {server("authorization_endpoint", "javascript:alert(1)"), new(*DiscoveryError)},
		"unlisted token endpoint":  {server("token_endpoint", "https://evil.example/token"), new(*egress.BlockedHostError)},
		"unlisted login page":      {server("authorization_endpoint", "https://evil.example/login"), new(*egress.BlockedHostError)},
		"unlisted registration":    {server("registration_endpoint", "https://evil.example/reg"), new(*egress.BlockedHostError)},
		"no token endpoint":        {server("token_endpoint", nil), new(*DiscoveryError)},
		"no PKCE":                  {server("code_challenge_methods_supported", nil), new(*DiscoveryError)},
		"plain PKCE":               {server("code_challenge_methods_supported", []string{"plain"}), new(*DiscoveryError)},
		"redirect elsewhere":       {func(w *testbed) { w.Fail(authtest.Metadata, authtest.Fault{Redirect: "https://evil.example/"}) }, new(*egress.BlockedHostError)},
		"redirect in circles": {func(w *testbed) {
			w.Fail(authtest.Metadata, authtest.Fault{Redirect: "/.well-known/oauth-authorization-server"})
		}, new(*DiscoveryError)},
		"endless body": {func(w *testbed) { w.Fail(authtest.ResourceMetadata, authtest.Fault{Endless: true}) }, new(*DiscoveryError)},
		"no JSON":      {func(w *testbed) { w.Fail(authtest.Metadata, authtest.Fault{Status: 200, Body: "{"}) }, new(*DiscoveryError)},
		"HTTP 503":     {func(w *testbed) { w.Fail(authtest.ResourceMetadata, authtest.Fault{Status: 503}) }, new(*HTTPError)},
		"registration refused": {func(w *testbed) {
			w.Fail(authtest.Register, authtest.Fault{Status: 400, Body: `{"error":"invalid_redirect_uri","error_description":"<b>\u0007no"}`})
		}, new(*OAuthError)},
		"registration refused at length": {func(w *testbed) {
			w.Fail(authtest.Register, authtest.Fault{Status: 403, Body: "<html>\a" + strings.Repeat("x", 10_000)})
		}, new(*HTTPError)},
		"registration refused as unauthorized": {func(w *testbed) {
			w.Fail(authtest.Register, authtest.Fault{Status: 401, Body: `{"error":"invalid_token"}`})
		}, new(*OAuthError)},
		"registration of an odd client": {func(w *testbed) {
			w.Fail(authtest.Register, authtest.Fault{Status: 201, Body: `{"client_id":7,"client_secret":"hush\u0007"}`})
		}, new(*AnswerError)},
		"registration redirected": {func(w *testbed) { w.Fail(authtest.Register, authtest.Fault{Redirect: "/elsewhere"}) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTestbed(t, authtest.Options{Protected: open})
			c.fault(w)
			_, err := w.process(t).Begin(t.Context(), w.upstream(), LoginOptions{Flow: FlowBrowser})
			if err == nil || c.want != nil && !errors.As(err, c.want) {
				t.Fatalf("%v, want a %T", err, c.want)
			}
			t.Log(err)
			if w.Count(authtest.Registered, "")+w.Count(authtest.TokenRequest, "") > 0 {
				t.Error("something was sent on")
			}
			if text := err.Error(); strings.ContainsAny(text, "\a\n") || strings.Contains(text, "hush") || len(text) > 500 {
				t.Errorf("control characters, a secret or a page in %q", text)
			}
		})
	}
}

func resource(member string, value any) func(*testbed) {
	return func(w *testbed) {
		if s, ok := value.(string); ok {
			value = strings.Replace(s, "URL", w.URL, 1)
		}
		w.Override(authtest.ResourceMetadata, map[string]any{member: value})
	}
}

func server(member string, value any) func(*testbed) {
	return func(w *testbed) { w.Override(authtest.Metadata, map[string]any{member: value}) }
}

func TestSlowMetadata(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	w.Fail(authtest.Metadata, authtest.Fault{Trickle: 10 * time.Millisecond})
	target, err := w.process(t).target(w.upstream())
	if err != nil {
		t.Fatal(err)
	}
	target.client.Timeout = 200 * time.Millisecond
	if _, err := target.findEndpoints(t.Context(), challenge{}, FlowAuto, vault.Record{}); err == nil {
		t.Error("a body that never ends was accepted")
	}
}

// An HTML page at every path, as single-page applications serve it, is no
// metadata.
func TestPageEverywhere(t *testing.T) {
	t.Parallel()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<!doctype html>")
	}))
	defer page.Close()
	w := newTestbed(t, authtest.Options{Protected: open})
	s := w.upstream(func(c *Config) { c.ClientID = "known" })
	s.URL = page.URL + "/mcp"
	l := begin(t, w.process(t), s, FlowPaste)
	if !strings.HasPrefix(l.AuthorizeURL, page.URL+"/authorize?") { // as in the specification of 2025-03-26
		t.Errorf("sent to %s", l.AuthorizeURL)
	}
}

func TestBlockedHostTellsTheLine(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	w.Override(authtest.ResourceMetadata, map[string]any{"authorization_servers": []string{"https://login.example:8443/x"}})
	_, err := w.process(t).Begin(t.Context(), w.upstream(), LoginOptions{})
	e, ok := errors.AsType[*egress.BlockedHostError](err)
	if !ok || e.Host != "login.example:8443" || e.Line != `"discovery_allowlist": ["127.0.0.1","login.example:8443"]` {
		t.Errorf("%#v", err)
	}
}

func TestChallenges(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]challenge{
		``:       {},
		`Bearer`: {},
		`Bearer error="insufficient_scope", scope="a b", resource_metadata="https://x/y"`: {"https://x/y", []string{"a", "b"}, "insufficient_scope"},
		`Basic realm="x", Bearer scope="a \"b c"`:                                         {"", []string{"a", "c"}, ""},
		`Bearer scope="unterminated`:                                                      {},
	} {
		got := readChallenge(http.Header{"Www-Authenticate": {header}})
		if got.metadataURL != want.metadataURL || join(got.scopes) != join(want.scopes) || got.code != want.code {
			t.Errorf("%s: %+v", header, got)
		}
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	u, err := url.Parse("https://up.example/a/mcp")
	if err != nil {
		t.Fatal(err)
	}
	for resource, want := range map[string]bool{
		"https://up.example/a/mcp": true, "https://up.example/a/mcp/": true, "https://up.example/a": true,
		"https://up.example": true, "https://UP.example:443/": true,
		"https://up.example/a/mcp/x": false, "https://up.example/a/m": false, "https://up.example/a/mcp?x=1": false,
		"http://up.example/a/mcp": false, "https://up.example:444/a/mcp": false, "https://x.up.example/a/mcp": false,
		"https://up.example@evil.example/a/mcp": false, "": false, "mcp": false,
	} {
		if got := covers(resource, u); got != want {
			t.Errorf("%q: %v", resource, got)
		}
	}
}

// The upstream names another authorization server, which gets neither the
// credential nor the client of the former one.
func TestIssuerChanges(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	a, s := w.process(t), w.upstream()
	w.login(t, a, s)
	other := newTestbed(t, authtest.Options{Protected: open})
	w.Override(authtest.ResourceMetadata, map[string]any{"authorization_servers": []string{other.Issuer()}})
	w.ExpireTokens()
	h := a.Handler(s)
	needsAuth(t, h, s.URL, IssuerChanged)
	if w.Count(authtest.TokenRequest, grantRefresh) > 0 {
		t.Error("refreshed with a server that the upstream no longer names")
	}
	l := begin(t, a, s, FlowBrowser)
	visit(t, l.AuthorizeURL)
	wait(t, l, "")
	if n := other.Count(authtest.Registered, ""); n != 1 {
		t.Errorf("%d registrations at the new server", n)
	}
}
