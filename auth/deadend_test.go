package auth

import (
	"encoding/json"
	"errors"
	"io"
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
		"no login page":        {authtest.Options{}, server("authorization_endpoint", nil), "names no authorization endpoint"},
		"empty login page":     {authtest.Options{}, server("authorization_endpoint", ""), "names no authorization endpoint"},
		"no token endpoint":    {authtest.Options{}, server("token_endpoint", nil), "names no token endpoint"},
		"odd token endpoint":   {authtest.Options{}, server("token_endpoint", 7), "token_endpoint is no string"},
		"odd list of servers":  {authtest.Options{}, resource("authorization_servers", 7), "authorization_servers is no list"},
		"servers of odd type":  {authtest.Options{}, resource("authorization_servers", []any{map[string]any{"issuer": "x"}}), "/.well-known/oauth-protected-resource/mcp: authorization_servers is no list"},
		"where none is named":  {authtest.Options{}, resource("authorization_servers", []string{}), "/.well-known/oauth-protected-resource/mcp: names no authorization server"},
		"an array as metadata": {authtest.Options{}, func(w *testbed) { w.Fail(authtest.Metadata, authtest.Fault{Body: "[]"}) }, "is no JSON object"},
		"words as metadata":    {authtest.Options{}, func(w *testbed) { w.Fail(authtest.Metadata, authtest.Fault{Body: "Hello!"}) }, "is no JSON document"},
		"a page as metadata":   {authtest.Options{}, func(w *testbed) { w.Fail(authtest.Metadata, authtest.Fault{Body: "<html>"}) }, "not found"},
		"only pages": {nowhere, func(w *testbed) {
			w.Fail(authtest.Metadata, authtest.Fault{Body: "<html>"})
			w.Fail(authtest.ResourceMetadata, authtest.Fault{Body: "<html>"})
		}, "publishes no metadata"},
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

// A page is no metadata document, whatever its media type says, and a document
// is one.
func TestPagesAreNotFound(t *testing.T) {
	t.Parallel()
	const found, missing, broken = "found", "not found", "broken"
	for _, c := range []struct {
		status                int
		mediaType, body, want string
	}{
		{200, "text/html", "<html>", missing},
		{200, "application/json", "<!DOCTYPE html><html>", missing},
		{200, "application/json", "\ufeff\r\n <!-- x --><html>", missing},
		{200, "text/plain", "<html>", missing},
		{200, "", "<html>", missing},
		{200, "application/xml", "<?xml version='1.0'?><error/>", missing},
		{200, "text/html", "Not here.", missing},
		{200, "text/html; charset=utf-8", `{"issuer":"x"}`, found},
		{200, "text/plain", ` {"issuer":"x"}`, found},
		{200, "application/json", "Hello!", broken},
		{200, "application/json", "", broken},
		{200, "text/html", "[]", missing},
		{200, "text/html", "<html>" + strings.Repeat(" ", maxBody), missing},
		{200, "application/json", "<html>" + strings.Repeat(" ", maxBody), missing},
		{200, "application/json", "{" + strings.Repeat(" ", maxBody), broken},
		{404, "text/html", "<html>" + strings.Repeat(" ", maxBody), missing},
		{500, "text/html", "<html>" + strings.Repeat(" ", maxBody), broken},
	} {
		up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", c.mediaType)
			w.WriteHeader(c.status)
			io.WriteString(w, c.body)
		}))
		a := New(Options{Vault: newVault(t)})
		target, err := a.target(Server{URL: up.URL})
		if err != nil {
			t.Fatal(err)
		}
		_, isFound, err := target.fetch(t.Context(), up.URL)
		got := map[bool]string{true: found, false: missing}[isFound]
		if err != nil {
			got = broken
		}
		if got != c.want {
			t.Errorf("%d %s %.30q is %s: %v", c.status, c.mediaType, c.body, got, err)
		}
		a.Close()
		up.Close()
	}
}

// Where a site answers every path with a page, the documents behind it are
// found.
func TestMetadataBehindPages(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{
		Protected: open, ResourceMetadataAt: authtest.ResourceMetadataAtRoot,
		IssuerPath: "/tenant", MetadataAt: authtest.MetadataOpenIDAppended,
	})
	page := authtest.Fault{Rewrite: func(status int, body string) (int, string) {
		if status == http.StatusNotFound {
			return http.StatusOK, "<!doctype html><title>Welcome</title>"
		}
		return status, body
	}}
	w.Fail(authtest.Metadata, page)
	w.Fail(authtest.ResourceMetadata, page)
	w.login(t, w.process(t), w.upstream())
}

// A server with the device flow alone needs no login page.
func TestDeviceWithoutLoginPage(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	w.Override(authtest.Metadata, map[string]any{"authorization_endpoint": nil, "code_challenge_methods_supported": nil})
	a, s := w.process(t), w.upstream()
	wait(t, begin(t, a, s, FlowAuto), "")
	for _, flow := range []Flow{FlowPaste, FlowBrowser} {
		_, err := a.Begin(t.Context(), s, LoginOptions{Flow: flow})
		e, ok := errors.AsType[*DiscoveryError](err)
		if !ok || !strings.Contains(err.Error(), "names no authorization endpoint") || !strings.Contains(e.Entry, w.URL+"/token") {
			t.Errorf("%s: %v", flow, err)
		}
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
	odd := func(member string, value any, o authtest.Options) string {
		o.NoDevice = true
		w := newTestbed(t, o)
		w.Override(authtest.Metadata, map[string]any{member: value})
		return w.Issuer()
	}
	page := newTestbed(t, authtest.Options{})
	page.Fail(authtest.Metadata, authtest.Fault{Body: "<html>"})
	words := newTestbed(t, authtest.Options{})
	words.Fail(authtest.Metadata, authtest.Fault{Body: "Hello!"})
	for name, first := range map[string]string{
		"dead": dead.URL, "without metadata": missing.URL, "broken": broken.URL, "not listed": "https://elsewhere.example", "no URL": "elsewhere",
		"a page": page.Issuer(), "words": words.Issuer(),
		"no PKCE":                odd("code_challenge_methods_supported", nil, authtest.Options{}),
		"plain PKCE":             odd("code_challenge_methods_supported", []string{"plain"}, authtest.Options{}),
		"no login page":          odd("authorization_endpoint", nil, authtest.Options{}),
		"login page not listed":  odd("authorization_endpoint", "https://elsewhere.example/a", authtest.Options{}),
		"no token endpoint":      odd("token_endpoint", nil, authtest.Options{}),
		"tokens not listed":      odd("token_endpoint", "https://elsewhere.example/t", authtest.Options{}),
		"other issuer":           odd("issuer", "https://elsewhere.example", authtest.Options{}),
		"no registration":        odd("registration_endpoint", nil, authtest.Options{}),
		"registration elsewhere": odd("registration_endpoint", "https://elsewhere.example/r", authtest.Options{}),
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
		"no PKCE":       {server("code_challenge_methods_supported", nil), NoPKCE},
		"no login page": {server("authorization_endpoint", nil), BadMetadata},
		"no tokens":     {server("token_endpoint", nil), BadMetadata},
		"no resource":   {resource("resource", nil), NoResource},
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
			line = strings.Replace(line, `"token_url": "…"`, `"token_url": "`+w.URL+`/token"`, 1)
			line = strings.Replace(line, `"authorize_url": "…"`, `"authorize_url": "`+w.URL+`/authorize"`, 1)
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
