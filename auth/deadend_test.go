package auth

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mcpproxy/auth/authtest"
)

// What is wrong with metadata is told as it is.
func TestDeadEnds(t *testing.T) {
	t.Parallel()
	nowhere := authtest.Options{ResourceMetadataAt: authtest.ResourceMetadataNowhere, MetadataAt: authtest.MetadataNowhere, NoRegistration: true}
	for name, c := range map[string]struct {
		options authtest.Options
		fault   func(*testbed)
		says    string
	}{
		"no PKCE":              {authtest.Options{}, server("code_challenge_methods_supported", nil), "PKCE"},
		"other issuer":         {authtest.Options{}, server("issuer", "https://other.example"), "https://other.example"},
		"no issuer":            {authtest.Options{}, server("issuer", nil), "names no issuer"},
		"no server named":      {authtest.Options{}, resource("authorization_servers", nil), "names no authorization server"},
		"no resource":          {authtest.Options{}, resource("resource", nil), "names no resource"},
		"other resource":       {authtest.Options{}, resource("resource", "https://bank.example/mcp"), "https://bank.example/mcp"},
		"no metadata":          {nowhere, func(*testbed) {}, "publishes no metadata"},
		"odd token endpoint":   {authtest.Options{}, server("token_endpoint", 7), "token_endpoint is no string"},
		"odd list of servers":  {authtest.Options{}, resource("authorization_servers", 7), "authorization_servers is no list"},
		"an array as metadata": {authtest.Options{}, func(w *testbed) { w.Fail(authtest.Metadata, authtest.Fault{Body: "[]"}) }, "is no JSON object"},
		"words as metadata":    {authtest.Options{}, func(w *testbed) { w.Fail(authtest.Metadata, authtest.Fault{Body: "Hello!"}) }, "is no JSON document"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.options.Protected, c.options.NoDevice = open, true
			w := newTestbed(t, c.options)
			c.fault(w)
			_, err := w.process(t).Begin(t.Context(), w.upstream(), LoginOptions{Flow: FlowPaste})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}

// A member of the wrong type that a login does not need is passed over, and so
// is a byte order mark.
func TestOddMetadata(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*testbed){
		"a string for a list":    server("scopes_supported", "read offline_access"),
		"a number for a list":    server("scopes_supported", 7),
		"a string for a boolean": server("authorization_response_iss_parameter_supported", "true"),
		"a number for a URL":     server("revocation_endpoint", 7),
		"numbers in a list":      server("token_endpoint_auth_methods_supported", []any{1, "none"}),
		"one method":             server("code_challenge_methods_supported", "S256"),
		"scopes of the resource": resource("scopes_supported", map[string]any{"read": true}),
		"a byte order mark": func(w *testbed) {
			mark := authtest.Fault{Rewrite: func(status int, body string) (int, string) { return status, "\ufeff" + body }}
			w.Fail(authtest.Metadata, mark)
			w.Fail(authtest.ResourceMetadata, mark)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTestbed(t, authtest.Options{Protected: open})
			fault(w)
			w.login(t, w.process(t), w.upstream())
		})
	}
}

// A challenge that names no usable URL does not hide the well-known ones.
func TestUnusableChallenge(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"single quotes":         `'ORIGIN/.well-known/oauth-protected-resource/mcp'`,
		"single quotes, spaced": `"' ORIGIN/.well-known/oauth-protected-resource/mcp '"`,
		"no URL":                `"metadata"`,
		"a path":                `"/.well-known/oauth-protected-resource"`,
		"plain http":            `"http://up.example/metadata"`,
		"a fragment":            `"ORIGIN/x#y"`,
		"a host not listed":     `"https://elsewhere.example/metadata"`,
		"nothing there":         `"ORIGIN/nothing"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTestbed(t, authtest.Options{})
			front := http.NewServeMux()
			front.HandleFunc("/.well-known/oauth-protected-resource/", w.ResourceMetadata)
			front.HandleFunc("/mcp", func(rw http.ResponseWriter, r *http.Request) {
				rw.Header().Set("WWW-Authenticate", "Bearer resource_metadata="+strings.ReplaceAll(value, "ORIGIN", "http://"+r.Host))
				rw.WriteHeader(http.StatusUnauthorized)
			})
			up := httptest.NewServer(front)
			t.Cleanup(up.Close)
			s := w.upstream()
			s.URL = up.URL + "/mcp"
			w.login(t, w.process(t), s)
		})
	}
}

// Of several authorization servers the first that works is used.
func TestDeadAuthorizationServer(t *testing.T) {
	t.Parallel()
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	missing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(missing.Close)
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(broken.Close)
	for name, first := range map[string]string{
		"dead": dead.URL, "without metadata": missing.URL, "broken": broken.URL, "not listed": "https://elsewhere.example", "no URL": "elsewhere",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTestbed(t, authtest.Options{Protected: open})
			w.Override(authtest.ResourceMetadata, map[string]any{"authorization_servers": []string{first, w.Issuer()}})
			w.login(t, w.process(t), w.upstream())
			w.Override(authtest.ResourceMetadata, map[string]any{"authorization_servers": []string{first}})
			if _, err := w.process(t).Begin(t.Context(), w.upstream(), LoginOptions{}); err == nil {
				t.Error("a login with no server at all has begun")
			}
		})
	}
}

// The line that a dead end names is a way around it.
func TestEntryLeadsOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  func(*testbed)
		reason DiscoveryReason
	}{
		"no PKCE":     {server("code_challenge_methods_supported", nil), NoPKCE},
		"no resource": {resource("resource", nil), NoResource},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTestbed(t, authtest.Options{Protected: open, NoDevice: true, Clients: []authtest.Client{{ID: "known", RedirectURIs: []string{defaultRedirect}}}})
			c.fault(w)
			s := w.upstream()
			_, err := w.process(t).Begin(t.Context(), s, LoginOptions{Flow: FlowPaste})
			e, isDiscovery := errors.AsType[*DiscoveryError](err)
			if !isDiscovery || e.Reason != c.reason {
				t.Fatalf("%v", err)
			}
			line := strings.Replace(e.Entry, `"client_id": "…"`, `"client_id": "known"`, 1)
			var entry struct{ OAuth Config }
			to := any(&entry)
			if c.reason == NoResource {
				to = &s.Config
			}
			if err := json.Unmarshal([]byte("{"+line+"}"), to); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			if c.reason != NoResource {
				s.Config = entry.OAuth
			}
			if err := s.Config.Validate(s.URL); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			a := w.process(t)
			l := begin(t, a, s, FlowPaste)
			if err := a.Complete(t.Context(), s, landing(t, l.AuthorizeURL)); err != nil {
				t.Error(err)
			}
		})
	}
}
