package authtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Protect passes a request to next if it bears a valid token of this server,
// issued for the requested URL (RFC 8707, if it was issued for any), with
// the scopes. Other requests get the challenges of RFC 6750 section 3 and
// RFC 9728 section 5.1.
func (s *Server) Protect(next http.Handler, scopes ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		value, bears := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		s.mu.Lock()
		t, valid := s.validAccess(value)
		s.mu.Unlock()
		switch {
		case !bears:
			s.challenge(w, r, http.StatusUnauthorized, "", scopes)
		case !valid || t.grant.resource != "" && t.grant.resource != "http://"+r.Host+r.URL.Path:
			s.challenge(w, r, http.StatusUnauthorized, "invalid_token", scopes)
		case slices.ContainsFunc(scopes, func(scope string) bool { return !slices.Contains(t.scopes, scope) }):
			s.challenge(w, r, http.StatusForbidden, "insufficient_scope", scopes)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (s *Server) challenge(w http.ResponseWriter, r *http.Request, status int, problem string, scopes []string) {
	var params []string
	add := func(name, value string) {
		if value != "" {
			params = append(params, fmt.Sprintf("%s=%q", name, value))
		}
	}
	add("error", problem)
	add("scope", strings.Join(scopes, " "))
	add("resource_metadata", s.resourceMetadataURL(r))
	w.Header().Set("WWW-Authenticate", strings.TrimSpace("Bearer "+strings.Join(params, ", ")))
	http.Error(w, http.StatusText(status), status)
}
