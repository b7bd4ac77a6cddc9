package authtest

import (
	"crypto/rand"
	"slices"
	"strings"
	"time"
)

// The grant types.
const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
	grantDevice  = "urn:ietf:params:oauth:grant-type:device_code"
)

// A grant is the consent of a person to a client. Revoking it revokes all
// its tokens.
type grant struct {
	client   string
	scopes   []string
	resource string
	revoked  bool
}

// A request waits for the person's decision.
type request struct {
	grant       *grant
	redirectURI string
	state       string
	challenge   string
}

// A code is an authorization code.
type code struct {
	request
	expires time.Time
	used    bool
}

type accessToken struct {
	grant   *grant
	scopes  []string
	expires time.Time
}

type refreshToken struct {
	grant *grant
	used  bool // and replaced by a new one
}

// revokeGrant ends a grant; s.mu is held.
func (s *Server) revokeGrant(g *grant) {
	if !g.revoked {
		g.revoked = true
		s.record(GrantRevoked, g.client, "")
	}
}

// issue makes the token response for a grant, RFC 6749 section 5.1; s.mu is
// held.
func (s *Server) issue(g *grant, scopes []string, withRefresh bool) map[string]any {
	access := "access-" + rand.Text()
	s.access[access] = accessToken{g, scopes, time.Now().Add(s.o.AccessTokenTTL)}
	s.hide(access)
	tokens := map[string]any{
		"access_token": access,
		"token_type":   "Bearer",
		"expires_in":   int(s.o.AccessTokenTTL.Seconds()),
		"scope":        strings.Join(scopes, " "),
	}
	if withRefresh {
		refresh := "refresh-" + rand.Text()
		s.refresh[refresh] = &refreshToken{grant: g}
		s.hide(refresh)
		tokens["refresh_token"] = refresh
	}
	return tokens
}

// mayRefresh reports whether a grant comes with a refresh token; s.mu is held.
func (s *Server) mayRefresh(g *grant) bool {
	c, _ := s.client(g.client)
	return c.may(grantRefresh) &&
		(!s.o.RefreshNeedsOfflineAccess || slices.Contains(g.scopes, "offline_access"))
}

// grantFor checks a request (RFC 6749 section 3.3, RFC 8707 section 2) and
// returns the grant or an error code.
func (s *Server) grantFor(client Client, scope string, resources []string) (*grant, string) {
	bound := strings.Fields(client.Scope)
	scopes := strings.Fields(scope)
	if len(scopes) == 0 {
		scopes = s.o.DefaultScopes
	}
	for _, asked := range scopes {
		if !slices.Contains(s.o.Scopes, asked) || len(bound) > 0 && !slices.Contains(bound, asked) {
			return nil, "invalid_scope"
		}
	}
	if len(resources) > 1 || len(resources) == 0 && s.o.RequireResource {
		return nil, "invalid_target"
	}
	g := &grant{client: client.ID, scopes: scopes}
	if len(resources) == 1 {
		g.resource = resources[0]
	}
	return g, ""
}
