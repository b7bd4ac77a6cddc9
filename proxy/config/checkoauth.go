package config

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"mcpproxy/auth"
	"mcpproxy/upstream"
)

// oauth checks the login. auth reports one problem at a time, so each is mended
// in a copy until none is left.
func (c checker) oauth(found report) {
	if c.OAuth == nil || c.Command != "" {
		return
	}
	if c.Type == upstream.SSE {
		found(serverFault("oauth", `is of type "sse", which takes no "oauth"`, `use type "http", or pass a token with "headers"`))
		return
	}
	m := mending{Config: *c.OAuth, address: loginAddress(c.URL)}
	isEmpty := func(s string) bool { return s == "" }
	if c.broken["oauth.scopes"] {
		m.Scopes = slices.DeleteFunc(slices.Clone(m.Scopes), isEmpty)
	}
	if c.broken["oauth.discovery_allowlist"] {
		m.DiscoveryAllowlist = slices.DeleteFunc(slices.Clone(m.DiscoveryAllowlist), isEmpty)
	}
	// A setting that is broken, or written as a key that is not known, only seems
	// to be missing.
	complete := !c.broken["oauth"]
	told := make(map[string]bool)
	for range maxMended {
		err := m.Validate(m.address)
		if err == nil {
			return
		}
		wrong, ok := errors.AsType[*auth.ConfigError](err)
		if !ok {
			found(serverFault("oauth", err.Error(), ""))
			return
		}
		missing := wrong.Problem == "" // the server "requires" the field
		if !told[err.Error()] && !c.unresolvedField(wrong.Field) && (!missing || complete) {
			f := serverFault(wrong.Field, err.Error(), "")
			f.ofServer = missing
			found(f)
		}
		told[err.Error()] = true
		complete = complete && wrong.Field != "oauth.provider"
		m.mend(strings.TrimPrefix(wrong.Field, "oauth."), missing)
	}
}

// loginAddress returns what remains to be checked of a url that needs a login:
// the scheme and the host have been.
func loginAddress(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return anyURL
	}
	if !secure(u) {
		u.Scheme = "https"
	}
	return u.String()
}

// maxMended bounds the work on a login with very many scopes.
const maxMended = 100

// anyURL passes every check.
const anyURL = "https://localhost/mcp"

// A mending is a login whose problems are mended one after the other.
type mending struct {
	auth.Config
	address string
}

// mend changes a field, which is missing or wrong, so that it is neither.
func (m *mending) mend(field string, missing bool) {
	switch field {
	case "url":
		m.address = anyURL
	case "provider":
		m.Provider, m.Discovery, m.DiscoveryAllowlist = "", true, []string{"localhost"}
	case "discovery":
		if missing && m.DiscoveryAllowlist == nil {
			m.DiscoveryAllowlist = []string{"localhost"}
			m.Discovery = true
		} else {
			m.DiscoveryAllowlist = nil
			m.Discovery = false
		}
	case "discovery_allowlist":
		// The wrong one is not known, but the first of them is told first.
		m.DiscoveryAllowlist = slices.Concat(m.DiscoveryAllowlist[min(1, len(m.DiscoveryAllowlist)):], []string{"localhost"})
	case "scopes":
		m.Scopes = m.Scopes[min(1, len(m.Scopes)):]
	case "client_id":
		m.ClientID = "x"
	case "client_secret":
		m.ClientSecret = "x"
	case "token_endpoint_auth_method":
		m.TokenAuthMethod = ""
	case "client_metadata_url":
		m.ClientMetadataURL = ""
	case "resource":
		m.Resource = ""
	default:
		for name, value := range map[string]*string{
			"authorize_url": &m.AuthorizeURL, "token_url": &m.TokenURL, "device_authorization_endpoint": &m.DeviceAuthorizationEndpoint,
			"revocation_url": &m.RevocationURL, "issuer": &m.Issuer, "redirect_uri": &m.RedirectURI,
		} {
			if name == field && m.Provider != "" {
				*value = ""
			} else if name == field {
				*value = anyURL
			}
		}
	}
}

// unresolvedField reports whether a value of the field is not known before
// substitution.
func (c checker) unresolvedField(field string) bool {
	unresolved := false
	_, _ = mapStrings(*c.Entry, func(f, s string) (string, error) {
		unresolved = unresolved || strings.HasPrefix(f, field) && c.unresolved(f, s)
		return s, nil
	})
	return unresolved
}
