package auth

import (
	"net/http"
	"net/url"
	"strings"

	"mcpproxy/auth/egress"
	"mcpproxy/auth/vault"
)

// A Server is one protected upstream.
type Server struct {
	Name   string
	Key    string // of its credential in the vault, see [vault.Key]
	URL    string // as configured, after interpolation
	Config Config // must have passed [Config.Validate]
}

// A target is a Server with the settings of its provider and with a client
// that contacts only the hosts that its configuration allows.
type target struct {
	Server
	url       *url.URL
	client    *http.Client
	allowlist egress.Allowlist
	redact    func(string) string
}

func (a *Authority) target(s Server) (*target, error) {
	config, err := s.Config.pinned(a.getenv)
	if err != nil {
		return nil, err
	}
	s.Config = config
	u, err := egress.ParseURL(s.URL)
	if err != nil {
		return nil, &ConfigError{Field: "url", Problem: err.Error()}
	}
	t := &target{Server: s, url: u, redact: a.redact, allowlist: egress.Allowlist{Own: []*url.URL{u}}}
	for _, f := range config.urls() {
		if f.value == "" || f.name == "issuer" {
			continue
		}
		own, err := egress.ParseURL(f.value)
		if err != nil {
			return nil, wrong(f.name, err.Error())
		}
		t.allowlist.Own = append(t.allowlist.Own, own)
	}
	for _, entry := range config.DiscoveryAllowlist {
		rule, err := egress.ParseRule(entry)
		if err != nil {
			return nil, wrong("discovery_allowlist", "entry "+quoted(entry)+" "+err.Error())
		}
		t.allowlist.Rules = append(t.allowlist.Rules, rule)
	}
	t.client = a.transports.Client(t.allowlist)
	a.registerSecrets(config.ClientSecret)
	return t, nil
}

func (t *target) needsAuth(reason NeedsAuthReason, scopes ...string) error {
	return &NeedsAuthError{Server: t.Name, Reason: reason, Scopes: scopes}
}

// owns reports whether r was issued for t as it is configured now. An edited
// or hostile entry under the name of another must not get its tokens,
// whichever URL it changes.
func (t *target) owns(r vault.Record) bool {
	c := t.Config
	if r.ServerURL != t.URL || !t.ownsResource(r.Resource) || !t.admits(r.TokenEndpoint) {
		return false
	}
	if c.TokenURL != "" && r.TokenEndpoint != c.TokenURL || c.ClientID != "" && r.Client.ID != c.ClientID {
		return false
	}
	if c.Discovery && c.Issuer == "" {
		return true // the metadata of the server named the issuer
	}
	return sameIssuer(r.Issuer, c.Issuer)
}

// ownsPending is owns for an unfinished login.
func (t *target) ownsPending(p vault.Pending) bool {
	return t.owns(vault.Record{
		ServerURL: p.ServerURL, Issuer: p.Issuer, TokenEndpoint: p.TokenEndpoint,
		Resource: p.Resource, Client: p.Client,
	})
}

func (t *target) ownsResource(resource string) bool {
	switch t.Config.Resource {
	case noResource:
		return resource == ""
	case "":
		return resource == t.canonical() || t.Config.Discovery && covers(resource, t.url)
	}
	return resource == t.Config.Resource
}

// admits reports whether t may contact rawURL.
func (t *target) admits(rawURL string) bool {
	u, err := egress.ParseURL(rawURL)
	return err == nil && t.allowlist.Check(u) == nil
}

// resource is the resource indicator (RFC 8707) where no metadata names one.
func (t *target) resource() string {
	switch t.Config.Resource {
	case noResource:
		return ""
	case "":
		return t.canonical()
	}
	return t.Config.Resource
}

// canonical is the canonical URI of the server as MCP defines it. It has no
// query, which may hold a key and which RFC 8707 section 2 advises against.
func (t *target) canonical() string {
	u := *t.url
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	u.RawQuery, u.ForceQuery = "", false
	return u.String()
}

// bareURL is the URL of t without a query, which may hold a key.
func (t *target) bareURL() string {
	return (&url.URL{Scheme: t.url.Scheme, Host: t.url.Host, Path: t.url.Path}).String()
}

// clientOf returns c with its secret. Only a registered client has its
// secret in the vault; that of any other is in the configuration.
func (t *target) clientOf(c vault.Client) vault.Client {
	if !c.Registered {
		c.Secret = t.Config.ClientSecret
	}
	return c
}

// covers reports whether resource, from protected resource metadata,
// identifies the server at u: it is u or an ancestor of u on the same
// origin. RFC 9728 section 3.3 requires equality with the URL that was asked
// for, and MCP also asks at the root of the origin.
func covers(resource string, u *url.URL) bool {
	r, err := egress.ParseURL(resource)
	if err != nil || !egress.SameOrigin(r, u) || r.RawQuery != "" && r.RawQuery != u.RawQuery {
		return false
	}
	parent, path := strings.TrimSuffix(r.EscapedPath(), "/"), strings.TrimSuffix(u.EscapedPath(), "/")
	return path == parent || strings.HasPrefix(path, parent+"/")
}

// sameIssuer compares issuers without a final slash, which some servers
// write in only one of the two documents. The iss of an authorization
// response is compared exactly, see [checkIssuer].
func sameIssuer(a, b string) bool {
	return strings.TrimSuffix(a, "/") == strings.TrimSuffix(b, "/")
}
