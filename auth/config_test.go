package auth

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"mcpproxy/auth/vault"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	custom := func(change func(*Config)) Config {
		c := Config{
			AuthorizeURL: "https://as.example/authorize", TokenURL: "https://as.example/token",
			ClientID: "id", RedirectURI: "http://localhost:53692/callback",
		}
		change(&c)
		return c
	}
	discovery := func(entries ...string) Config { return Config{Discovery: true, DiscoveryAllowlist: entries} }
	const fixed = " cannot be combined with oauth.provider, whose endpoints are fixed"
	for _, c := range []struct {
		config Config
		want   string
	}{
		{custom(func(*Config) {}), ""},
		{custom(func(c *Config) { c.ClientID = "" }), "requires oauth.client_id"},
		{custom(func(c *Config) { c.AuthorizeURL = "" }), "requires oauth.authorize_url"},
		{custom(func(c *Config) { c.TokenURL = "" }), "requires oauth.token_url"},
		{custom(func(c *Config) { c.RedirectURI = "" }), "requires oauth.redirect_uri (must match the redirect URL registered with the provider)"},
		{custom(func(c *Config) {
			c.RedirectURI, c.AuthorizeURL, c.DeviceAuthorizationEndpoint = "", "", "https://as.example/d"
		}), ""},
		{custom(func(c *Config) { c.RedirectURI = "http://app.example/callback" }), "oauth.redirect_uri must be https, or http on a loopback address"},
		{custom(func(c *Config) { c.RedirectURI = "https://app.example/callback" }), ""},
		{custom(func(c *Config) { c.RedirectURI = "http://127.0.0.1/callback?x" }), "oauth.redirect_uri must not have a query"},
		{custom(func(c *Config) { c.TokenURL = "http://as.example/token" }), "oauth.token_url must be https, or http on a loopback address"},
		{custom(func(c *Config) { c.TokenURL = "https://me:pw@as.example/token" }), "oauth.token_url must not hold a user name or password"},
		{custom(func(c *Config) { c.Issuer = "as.example" }), "oauth.issuer is not an absolute URL"},
		{custom(func(c *Config) { c.TokenAuthMethod = "private_key_jwt" }), "oauth.token_endpoint_auth_method must be none, client_secret_basic or client_secret_post"},
		{custom(func(c *Config) { c.TokenAuthMethod = "client_secret_post" }), "requires oauth.client_secret (oauth.token_endpoint_auth_method is client_secret_post)"},
		{custom(func(c *Config) { c.Scopes = []string{"a b"} }), `oauth.scopes entry "a b" is not a scope`},
		{custom(func(c *Config) { c.Resource = "none" }), ""},
		{custom(func(c *Config) { c.Resource = "mcp" }), `oauth.resource must be an absolute URI without a fragment, or "none"`},
		{Config{}, "requires oauth.discovery (or oauth.provider, or oauth.authorize_url and oauth.token_url)"},
		{discovery(), "requires oauth.discovery_allowlist (discovery contacts no host that is not listed)"},
		{discovery("*.linear.app", "as.example:8443", "localhost", "[::1]:80", "10.0.0.1"), ""},
		{discovery("https://as.example"), `oauth.discovery_allowlist entry "https://as.example" must be a host name, with "*." for its subdomains and ":port" to pin the port`},
		{Config{DiscoveryAllowlist: []string{"x"}}, "requires oauth.discovery (discovery_allowlist has no effect without)"},
		{Config{Discovery: true, DiscoveryAllowlist: []string{"x"}, ClientSecret: "s"}, "requires oauth.client_id"},
		{Config{Discovery: true, DiscoveryAllowlist: []string{"x"}, ClientMetadataURL: "https://c.example/"}, "oauth.client_metadata_url must be an https URL with a path"},
		{Config{Provider: "anthropic-mcp"}, ""},
		{Config{Provider: "anthropic"}, `oauth.provider "anthropic" is not known`},
		{Config{Provider: "anthropic-mcp", TokenURL: "https://as.example/token"}, "oauth.token_url" + fixed},
		{Config{Provider: "anthropic-mcp", RedirectURI: "http://localhost/x"}, "oauth.redirect_uri" + fixed},
		{Config{Provider: "anthropic-mcp", Discovery: true, DiscoveryAllowlist: []string{"x"}}, "oauth.discovery" + fixed},
	} {
		got := ""
		if err := c.config.Validate("https://up.example/mcp"); err != nil {
			got = err.Error()
			if _, ok := errors.AsType[*ConfigError](err); !ok {
				t.Errorf("%q is no ConfigError", got)
			}
		}
		if got != c.want {
			t.Errorf("%+v:\n got %q\nwant %q", c.config, got, c.want)
		}
	}
	ok := custom(func(*Config) {})
	if err := ok.Validate("http://up.example/mcp"); err == nil {
		t.Error("a token would be sent over plain http")
	}
}

func TestBuiltinProvider(t *testing.T) {
	t.Parallel()
	s := Server{Name: "claude", Key: vault.Key("claude", ""), URL: "https://up.example/mcp", Config: Config{Provider: string(AnthropicMCP)}}
	a := New(Options{Vault: newVault(t)})
	defer a.Close()
	_, err := a.Begin(t.Context(), s, LoginOptions{})
	e, ok := errors.AsType[*ConfigError](err)
	if !ok || e.Field != "oauth.client_id" || !strings.Contains(err.Error(), AnthropicClientIDEnv) {
		t.Errorf("without a client id: %v", err)
	}
	b := New(Options{Vault: newVault(t), Getenv: func(name string) string {
		if name == AnthropicClientIDEnv {
			return "some-client"
		}
		return ""
	}})
	defer b.Close()
	l := begin(t, b, s, FlowPaste)
	u, err := url.Parse(l.AuthorizeURL)
	if err != nil {
		t.Fatal(err)
	}
	if got := u.Scheme + "://" + u.Host + u.Path; got != "https://claude.ai/oauth/authorize" {
		t.Errorf("sent to %s", got)
	}
	for name, want := range map[string]string{
		"client_id": "some-client", "redirect_uri": "http://localhost:53692/callback", "response_type": "code",
		"code_challenge_method": "S256", "resource": s.URL, "state": l.State,
	} {
		if got := u.Query().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
