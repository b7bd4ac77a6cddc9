package auth

import (
	"net/url"
	"slices"
	"strings"

	"mcpproxy/auth/egress"
)

// Config is the oauth setting of one server, after interpolation.
type Config struct {
	// Provider names a built-in provider whose endpoints are pinned in code.
	Provider string `json:"provider,omitempty"`

	// Discovery allows RFC 9728 and RFC 8414 metadata to be fetched, from the
	// hosts of DiscoveryAllowlist and the upstream's own origin only.
	Discovery          bool     `json:"discovery,omitempty"`
	DiscoveryAllowlist []string `json:"discovery_allowlist,omitempty"`

	AuthorizeURL                string `json:"authorize_url,omitempty"`
	TokenURL                    string `json:"token_url,omitempty"`
	DeviceAuthorizationEndpoint string `json:"device_authorization_endpoint,omitempty"`
	RevocationURL               string `json:"revocation_url,omitempty"`
	Issuer                      string `json:"issuer,omitempty"`

	ClientID          string   `json:"client_id,omitempty"`
	ClientSecret      string   `json:"client_secret,omitempty"`
	ClientMetadataURL string   `json:"client_metadata_url,omitempty"`
	TokenAuthMethod   string   `json:"token_endpoint_auth_method,omitempty"`
	Scopes            []string `json:"scopes,omitempty"`
	RedirectURI       string   `json:"redirect_uri,omitempty"`

	// Resource overrides the RFC 8707 resource indicator, which is the
	// upstream's URL by default; "none" leaves it out.
	Resource string `json:"resource,omitempty"`
}

// noResource is the value of Config.Resource that leaves the parameter out.
const noResource = "none"

// A ConfigError says what is wrong with one setting.
type ConfigError struct {
	Field   string // as written in the file, "oauth.client_id"
	Problem string // empty: the field is missing
	Why     string // why a missing field is needed, may be empty
}

func (e *ConfigError) Error() string {
	switch {
	case e.Problem != "":
		return e.Field + " " + e.Problem
	case e.Why != "":
		return "requires " + e.Field + " (" + e.Why + ")"
	}
	return "requires " + e.Field
}

func missing(field, why string) error { return &ConfigError{Field: "oauth." + field, Why: why} }
func wrong(field, problem string) error {
	return &ConfigError{Field: "oauth." + field, Problem: problem}
}

const registeredRedirect = "must match the redirect URL registered with the provider"

// Validate checks c as the oauth setting of the server at serverURL. Its
// errors are [*ConfigError]s; it reports the first.
func (c *Config) Validate(serverURL string) error {
	if _, err := egress.ParseURL(serverURL); err != nil {
		return &ConfigError{Field: "url", Problem: err.Error()}
	}
	if err := c.validateKind(); err != nil {
		return err
	}
	for _, entry := range c.DiscoveryAllowlist {
		if _, err := egress.ParseRule(entry); err != nil {
			return wrong("discovery_allowlist", "entry "+quoted(entry)+" "+err.Error())
		}
	}
	for _, f := range c.urls() {
		if f.value == "" {
			continue
		}
		if _, err := egress.ParseURL(f.value); err != nil {
			return wrong(f.name, err.Error())
		}
	}
	if err := c.validateRedirect(); err != nil {
		return err
	}
	return c.validateClient()
}

type namedURL struct{ name, value string }

// urls are the settings that hold a URL to contact or to show.
func (c *Config) urls() []namedURL {
	return []namedURL{
		{"authorize_url", c.AuthorizeURL},
		{"token_url", c.TokenURL},
		{"device_authorization_endpoint", c.DeviceAuthorizationEndpoint},
		{"revocation_url", c.RevocationURL},
		{"issuer", c.Issuer},
	}
}

// validateKind checks that c says in exactly one way where to log in: by a
// built-in provider, by discovery, or by endpoints.
func (c *Config) validateKind() error {
	if len(c.DiscoveryAllowlist) > 0 && !c.Discovery {
		return missing("discovery", "discovery_allowlist has no effect without")
	}
	switch {
	case c.Provider != "":
		return c.validateBuiltin()
	case c.Discovery:
		if len(c.DiscoveryAllowlist) == 0 {
			return missing("discovery_allowlist", "discovery contacts no host that is not listed")
		}
		return nil
	}
	device := c.DeviceAuthorizationEndpoint != ""
	switch {
	case c.AuthorizeURL == "" && c.TokenURL == "" && !device:
		return missing("discovery", "or oauth.provider, or oauth.authorize_url and oauth.token_url")
	case c.AuthorizeURL == "" && !device:
		return missing("authorize_url", "")
	case c.TokenURL == "":
		return missing("token_url", "")
	case c.ClientID == "":
		return missing("client_id", "")
	case c.RedirectURI == "" && !device:
		return missing("redirect_uri", registeredRedirect)
	}
	return nil
}

func (c *Config) validateBuiltin() error {
	if _, ok := builtins[Provider(c.Provider)]; !ok {
		return wrong("provider", quoted(c.Provider)+" is not known")
	}
	if c.Discovery {
		return wrong("discovery", "cannot be combined with oauth.provider, whose endpoints are fixed")
	}
	for _, f := range append(c.urls(), namedURL{"redirect_uri", c.RedirectURI}, namedURL{"client_metadata_url", c.ClientMetadataURL}) {
		if f.value != "" {
			return wrong(f.name, "cannot be combined with oauth.provider, whose endpoints are fixed")
		}
	}
	return nil
}

func (c *Config) validateRedirect() error {
	if c.RedirectURI == "" {
		return nil
	}
	u, err := egress.ParseURL(c.RedirectURI)
	if err != nil {
		return wrong("redirect_uri", err.Error())
	}
	if u.RawQuery != "" {
		return wrong("redirect_uri", "must not have a query")
	}
	return nil
}

func (c *Config) validateClient() error {
	switch c.TokenAuthMethod {
	case "", authNone:
	case authBasic, authPost:
		if c.ClientSecret == "" && c.ClientID != "" {
			return missing("client_secret", "oauth.token_endpoint_auth_method is "+c.TokenAuthMethod)
		}
	default:
		return wrong("token_endpoint_auth_method", "must be "+authNone+", "+authBasic+" or "+authPost)
	}
	if c.ClientSecret != "" && c.ClientID == "" && c.Provider == "" {
		return missing("client_id", "")
	}
	if c.ClientMetadataURL != "" {
		// draft-ietf-oauth-client-id-metadata-document section 3
		u, err := egress.ParseURL(c.ClientMetadataURL)
		if err != nil || u.Scheme != "https" || strings.Trim(u.Path, "/") == "" {
			return wrong("client_metadata_url", "must be an https URL with a path")
		}
	}
	for _, s := range c.Scopes {
		if !isScope(s) {
			return wrong("scopes", "entry "+quoted(s)+" is not a scope")
		}
	}
	if c.Resource != "" && c.Resource != noResource {
		// RFC 8707 section 2
		if u, err := url.Parse(c.Resource); err != nil || !u.IsAbs() || u.Fragment != "" {
			return wrong("resource", `must be an absolute URI without a fragment, or "none"`)
		}
	}
	return nil
}

// quoted is a value of the configuration within a sentence. It is not cut,
// because only a whole secret is recognized in it.
func quoted(s string) string { return `"` + oneLine(s) + `"` }

// isScope checks the syntax of one scope, RFC 6749 section 3.3.
func isScope(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '"' || r == '\\'
	})
}

// union returns the scopes of both, in order of appearance.
func union(a, b []string) []string {
	var all []string
	for _, s := range slices.Concat(a, b) {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// contains reports whether all holds every one of some.
func contains(all, some []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}
