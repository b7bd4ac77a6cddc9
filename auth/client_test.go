package auth

import (
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
				c.options.Protected = open
				w := newTestbed(t, c.options)
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
