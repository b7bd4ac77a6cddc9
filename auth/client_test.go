package auth

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"mcpproxy/auth/authtest"
	"mcpproxy/auth/vault"
)

func TestRegistrationIsKept(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	a, s := w.process(t), w.upstream()
	w.login(t, a, s)
	a.Close() // a login that has just ended may hold the registered port for a moment
	w.login(t, w.process(t), s)
	if n := w.Count(authtest.Registered, ""); n != 1 {
		t.Errorf("%d registrations for two logins", n)
	}
}

// The server forgets the client, which a refresh or an unfinished login
// reveals.
func TestRegistrationVanishes(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	a, s := w.process(t), w.upstream()
	w.login(t, a, s)
	w.ForgetClients()
	if err := a.Refresh(t.Context(), s); err == nil {
		t.Fatal("refreshed without a client")
	}
	w.login(t, a, s)
	w.ForgetClients()
	stuck := begin(t, a, s, FlowBrowser)
	if status, _ := visit(t, stuck.AuthorizeURL); status < 400 {
		t.Fatalf("the server knows the client: HTTP %d", status)
	}
	w.login(t, a, s)
	wait(t, stuck, "") // with the result of the login that superseded it
	if n := w.Count(authtest.Registered, ""); n != 3 {
		t.Errorf("%d registrations", n)
	}
}

func TestClients(t *testing.T) {
	t.Parallel()
	const redirect = "http://127.0.0.1/callback" // any port, RFC 8252 section 7.3
	const document = "https://client.example/proxy.json"
	secret := "s3cr&t =%+:ü"
	known := func(method, secret string) authtest.Options {
		return authtest.Options{
			NoRegistration: true, AuthMethods: []string{method},
			Clients: []authtest.Client{{ID: "known:id", Secret: secret, AuthMethod: method, RedirectURIs: []string{redirect}}},
		}
	}
	configured := func(secret string) func(*Config) {
		return func(c *Config) { c.ClientID, c.ClientSecret = "known:id", secret }
	}
	for name, c := range map[string]struct {
		options authtest.Options
		config  func(*Config)
	}{
		"pre-registered, public":   {known(authNone, ""), configured("")},
		"pre-registered, basic":    {known(authBasic, secret), configured(secret)},
		"pre-registered, post":     {known(authPost, secret), configured(secret)},
		"metadata document":        {authtest.Options{Documents: map[string]authtest.Client{document: {ID: document, RedirectURIs: []string{redirect}}}}, func(c *Config) { c.ClientMetadataURL = document }},
		"document not supported":   {authtest.Options{}, func(c *Config) { c.ClientMetadataURL = document }},
		"registered, basic":        {authtest.Options{AuthMethods: []string{authBasic}}, func(*Config) {}},
		"registered, post":         {authtest.Options{AuthMethods: []string{authPost}}, func(*Config) {}},
		"registered, none":         {authtest.Options{AuthMethods: []string{authNone}}, func(*Config) {}},
		"resource insisted on":     {authtest.Options{RequireResource: true}, func(*Config) {}},
		"refresh for offline only": {authtest.Options{RefreshNeedsOfflineAccess: true}, func(*Config) {}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.options.Protected = open
			w := newTestbed(t, c.options)
			a, s := w.process(t), w.upstream(c.config)
			if err := s.Config.Validate(s.URL); err != nil {
				t.Fatal(err)
			}
			w.login(t, a, s)
			if err := a.Refresh(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			ok(t, w.process(t).Handler(s), s.URL)
			if revoked, err := a.Logout(t.Context(), s); err != nil || !revoked {
				t.Errorf("revoked %v, %v", revoked, err)
			}
		})
	}
}

func TestNoClient(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open, NoRegistration: true})
	s := w.upstream(func(c *Config) { c.RedirectURI = "http://localhost:53692/callback" })
	for _, s := range []Server{s, w.upstream()} {
		_, err := w.process(t).Begin(t.Context(), s, LoginOptions{Flow: FlowPaste})
		e, ok := errors.AsType[*ClientRequiredError](err)
		if !ok || e.Issuer != w.Issuer() || !strings.HasSuffix(e.RedirectURI, ":53692/callback") {
			t.Errorf("%v", err)
		}
	}
}

// A registration that fails is told as one, and where it is final so is the way
// around it.
func TestRegistrationRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault   authtest.Fault
		says    string
		mayPass bool
	}{
		"odd client_id":  {authtest.Fault{Status: 201, Body: `{"client_id":12345}`}, "the client_id of the answer is not a string", false},
		"no client_id":   {authtest.Fault{Status: 201, Body: `{"x":1}`}, "answer names no client_id", false},
		"a page":         {authtest.Fault{Status: 200, Body: `<html>`}, "not the JSON it should be", false},
		"denied":         {authtest.Fault{Status: 403, Body: `{"error":"access_denied"}`}, "access_denied", false},
		"redirect URI":   {authtest.Fault{Status: 400, Body: `{"error":"invalid_redirect_uri","error_description":"no loopback"}`}, "no loopback", false},
		"other words":    {authtest.Fault{Status: 401, Body: "members only"}, `HTTP 401: "members only"`, false},
		"not there":      {authtest.Fault{Status: 404, Body: "{}"}, "HTTP 404", false},
		"too many":       {authtest.Fault{Status: 429, Body: "{}"}, "HTTP 429", true},
		"asks to wait":   {authtest.Fault{Status: 400, Body: `{"error":"temporarily_unavailable"}`}, "temporarily_unavailable", true},
		"no answer":      {authtest.Fault{Drop: true}, "it closed the connection without an answer", true},
		"scope, for all": {authtest.Fault{Status: 400, Body: `{"error":"invalid_client_metadata","error_description":"scope?"}`}, "scope?", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTestbed(t, authtest.Options{Protected: open, NoDevice: true, Clients: []authtest.Client{{ID: "known", RedirectURIs: []string{defaultRedirect}}}})
			w.Fail(authtest.Register, c.fault)
			s := w.upstream()
			_, err := w.process(t).Begin(t.Context(), s, LoginOptions{Flow: FlowPaste})
			e, ok := errors.AsType[*ClientRequiredError](err)
			if !ok || e.MayPass() != c.mayPass || !strings.HasPrefix(e.Error(), "registration of a client at "+w.URL+"/register: ") || !strings.Contains(e.Error(), c.says) {
				t.Fatalf("%v", err)
			}
			line := strings.Replace(e.Entry(), "…", "known", 1)
			if err := json.Unmarshal([]byte("{"+line+"}"), &s.Config); err != nil {
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

// A server may insist on scopes at the registration, and may name those of a
// client as a list.
func TestScopesOfARegistration(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]authtest.Fault{
		"error":       {Status: 400, Body: `{"error":"invalid_client_metadata","error_description":"Scope is required"}`},
		"code":        {Status: 400, Body: `{"error":"invalid_scope"}`},
		"other words": {Status: 422, Body: `{"message":"scope: missing"}`},
	} {
		w := newTestbed(t, authtest.Options{Protected: open, NoDevice: true})
		refusal.Times = 1
		w.Fail(authtest.Register, refusal)
		a, s := w.process(t), w.upstream()
		l, err := a.Begin(t.Context(), s, LoginOptions{Flow: FlowBrowser, Scopes: []string{"read"}})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		visit(t, l.AuthorizeURL)
		wait(t, l, "")
		if n := w.Count(authtest.Registered, ""); n != 1 {
			t.Errorf("%s: %d registrations", name, n)
		}
	}
	w := newTestbed(t, authtest.Options{Protected: open, NoDevice: true})
	w.Override(authtest.Register, map[string]any{"scope": []string{"read", "offline_access"}})
	a, s := w.process(t), w.upstream()
	for _, scope := range []string{"read", "write"} {
		l, err := a.Begin(t.Context(), s, LoginOptions{Flow: FlowPaste, Scopes: []string{scope}})
		if err != nil {
			t.Fatal(err)
		}
		if got := join(l.pending.Client.Scopes); got != "read offline_access" {
			t.Errorf("the client may ask for %q", got)
		}
		l.Cancel()
	}
	if n := w.Count(authtest.Registered, ""); n != 3 {
		t.Errorf("%d registrations, want one and, for more, two", n)
	}
}

// Only the entry that logged in gets the token, whatever another copies from
// it.
func TestCredentialIsBound(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	a, s := w.process(t), w.upstream()
	w.login(t, a, s)
	pinned := Config{
		AuthorizeURL: w.URL + "/authorize", TokenURL: w.URL + "/token", Issuer: w.Issuer(),
		ClientID: "c", RedirectURI: "http://127.0.0.1/callback", Resource: s.URL,
	}
	for name, change := range map[string]func(*Server){
		"a project's entry of that name": func(s *Server) { s.Key = vault.Key("up", t.TempDir()) },
		"an edited URL":                  func(s *Server) { s.URL = w.URL + "/evil" },
		"the same endpoints, other URL":  func(s *Server) { s.URL, s.Config = "https://evil.example/mcp", pinned },
		"another client":                 func(s *Server) { s.Config = pinned },
		"another resource":               func(s *Server) { s.Config.Resource = "https://bank.example" },
		"no resource":                    func(s *Server) { s.Config.Resource = "none" },
		"another issuer":                 func(s *Server) { s.Config.Issuer = "https://evil.example" },
		"another token endpoint":         func(s *Server) { s.Config.TokenURL = "https://evil.example/token" },
	} {
		changed := s
		change(&changed)
		source, err := a.Handler(changed).TokenSource(t.Context())
		if err != nil || source != nil {
			t.Errorf("%s gets a token: %v", name, err)
		}
		if err := a.Refresh(t.Context(), changed); err == nil {
			t.Errorf("%s can refresh", name)
		}
	}
	ok(t, a.Handler(s), s.URL)
}

// A server may bind a client to the scopes that it registered, or to default
// ones. Neither stands in the way of a login that asks for more.
func TestStepUpOfARegisteredClient(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options       authtest.Options
		registrations int
	}{
		"bound to what it registers":      {authtest.Options{}, 1},
		"bound to what it may by default": {authtest.Options{ClientScope: "read"}, 4},
		"allowed enough by default":       {authtest.Options{ClientScope: "read write offline_access"}, 1},
	} {
		for _, flow := range []Flow{FlowBrowser, FlowDevice} {
			t.Run(name+", "+string(flow), func(t *testing.T) {
				t.Parallel()
				options := c.options
				options.Protected = open
				w := newTestbed(t, options)
				a, s := w.process(t), w.upstream()
				for _, scope := range []string{"read", "write"} {
					l, err := a.Begin(t.Context(), s, LoginOptions{Flow: flow, Scopes: []string{scope}})
					if err != nil {
						t.Fatal(err)
					}
					if flow == FlowBrowser {
						visit(t, l.AuthorizeURL)
					}
					wait(t, l, "")
				}
				if st, err := a.Status(s); err != nil || join(st.Scopes) != "read offline_access write" {
					t.Errorf("status %+v, %v", st, err)
				}
				if n := w.Count(authtest.Registered, ""); n != c.registrations {
					t.Errorf("%d registrations", n)
				}
			})
		}
	}
}
