package authtest

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"
)

// token answers RFC 6749 section 3.2.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	grantType := r.PostFormValue("grant_type")
	s.mu.Lock()
	s.record(TokenRequest, r.PostFormValue("client_id"), grantType)
	s.mu.Unlock()
	client, ok := s.authenticate(w, r)
	if !ok {
		return
	}
	if !client.may(grantType) {
		s.refuse(w, client.ID, http.StatusBadRequest, "unauthorized_client", "not this grant type")
		return
	}
	exchange := map[string]func(*http.Request, Client) (map[string]any, string){
		grantCode: s.exchangeCode, grantRefresh: s.exchangeRefreshToken, grantDevice: s.exchangeDeviceCode,
	}[grantType]
	if exchange == nil || grantType == grantDevice && s.o.NoDevice {
		s.refuse(w, client.ID, http.StatusBadRequest, "unsupported_grant_type", grantType)
		return
	}
	s.mu.Lock()
	tokens, problem := exchange(r, client)
	s.mu.Unlock()
	if problem == "" {
		answer(w, http.StatusOK, s.override(Token, tokens))
		return
	}
	status := http.StatusBadRequest
	if grantType == grantDevice && s.o.DeviceErrorsOK {
		status = http.StatusOK
	}
	s.refuse(w, client.ID, status, problem, "authtest says "+problem)
}

// exchangeCode exchanges a code, RFC 6749 section 4.1.3; s.mu is held.
func (s *Server) exchangeCode(r *http.Request, client Client) (map[string]any, string) {
	value := r.PostFormValue("code")
	verifier := r.PostFormValue("code_verifier")
	s.hide(verifier)
	c, ok := s.codes[value]
	if !ok || c.grant.client != client.ID {
		return nil, "invalid_grant"
	}
	if c.used {
		// RFC 6749 section 4.1.2: a code that is used twice may be stolen.
		s.record(Reused, client.ID, "code")
		s.revokeGrant(c.grant)
		return nil, "invalid_grant"
	}
	c.used = true
	s.codes[value] = c
	sum := sha256.Sum256([]byte(verifier))
	if time.Now().After(c.expires) || r.PostFormValue("redirect_uri") != c.redirectURI ||
		base64.RawURLEncoding.EncodeToString(sum[:]) != c.challenge {
		return nil, "invalid_grant"
	}
	if !s.sameResource(r, c.grant) {
		return nil, "invalid_target"
	}
	return s.issue(c.grant, c.grant.scopes, s.mayRefresh(c.grant)), ""
}

// exchangeRefreshToken exchanges a refresh token, RFC 6749 section 6, and replaces
// it, RFC 9700 section 4.14.2; s.mu is held.
func (s *Server) exchangeRefreshToken(r *http.Request, client Client) (map[string]any, string) {
	old := s.refresh[r.PostFormValue("refresh_token")]
	if old == nil || old.grant.client != client.ID || old.grant.revoked {
		return nil, "invalid_grant"
	}
	if old.used {
		s.record(Reused, client.ID, grantRefresh)
		s.revokeGrant(old.grant)
		return nil, "invalid_grant"
	}
	if !s.sameResource(r, old.grant) {
		return nil, "invalid_target"
	}
	scopes := old.grant.scopes
	if asked := strings.Fields(r.PostFormValue("scope")); len(asked) > 0 {
		for _, scope := range asked {
			if !slices.Contains(scopes, scope) {
				return nil, "invalid_scope"
			}
		}
		scopes = asked
	}
	if s.o.NoRotation {
		return s.issue(old.grant, scopes, false), ""
	}
	old.used = true
	s.record(Rotated, client.ID, "")
	return s.issue(old.grant, scopes, true), ""
}

// sameResource reports whether a token request names the resource of its
// grant, RFC 8707 section 2.2.
func (s *Server) sameResource(r *http.Request, g *grant) bool {
	resources := r.PostForm["resource"]
	if len(resources) == 0 {
		return !s.o.RequireResource
	}
	return len(resources) == 1 && resources[0] == g.resource
}

// revoke answers RFC 7009 section 2. With a refresh token it revokes the
// grant.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	client, ok := s.authenticate(w, r)
	if !ok {
		return
	}
	value := r.PostFormValue("token")
	s.mu.Lock()
	if t := s.refresh[value]; t != nil && t.grant.client == client.ID {
		s.revokeGrant(t.grant)
	}
	if t, ok := s.access[value]; ok && t.grant.client == client.ID {
		delete(s.access, value)
	}
	s.mu.Unlock()
	w.WriteHeader(http.StatusOK) // also for an unknown token, RFC 7009 section 2.2
}

// introspect answers RFC 7662 section 2 without authentication, since the
// caller knows the token.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) {
	value := r.PostFormValue("token")
	s.mu.Lock()
	reply := map[string]any{"active": false}
	if t, ok := s.validAccess(value); ok {
		reply = map[string]any{
			"active": true, "client_id": t.grant.client, "scope": strings.Join(t.scopes, " "),
			"exp": t.expires.Unix(), "aud": t.grant.resource, "token_type": "Bearer",
		}
	} else if t := s.refresh[value]; t != nil && !t.used && !t.grant.revoked {
		reply = map[string]any{"active": true, "client_id": t.grant.client}
	}
	s.mu.Unlock()
	answer(w, http.StatusOK, s.override(Introspect, reply))
}

// validAccess returns an access token if it is valid; s.mu is held.
func (s *Server) validAccess(value string) (accessToken, bool) {
	t, ok := s.access[value]
	return t, ok && !t.grant.revoked && time.Now().Before(t.expires)
}
