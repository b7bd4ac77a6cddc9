package proxy

import (
	"net/http"
	"strings"
	"testing"

	"mcpproxy/auth"
	"mcpproxy/proxy/config"
	"mcpproxy/upstream"
)

// A 401 that is left after a login has done what it can is no missing login.
func TestTokenRefusedAnew(t *testing.T) {
	t.Parallel()
	unauthorized := &upstream.StatusError{Code: http.StatusUnauthorized}
	needsAuth := &upstream.StatusError{Code: http.StatusUnauthorized, Err: &auth.NeedsAuthError{Server: "s"}}
	for name, c := range map[string]struct {
		err   error
		login *auth.Server
		anew  bool
	}{
		"with a login":         {unauthorized, &auth.Server{}, true},
		"at the start":         {&upstream.StartError{Err: unauthorized}, &auth.Server{}, true},
		"without one":          {unauthorized, nil, false},
		"the person is needed": {needsAuth, &auth.Server{}, false},
		"forbidden":            {&upstream.StatusError{Code: http.StatusForbidden}, &auth.Server{}, false},
	} {
		got := (&target{Server: &config.Server{Name: "s"}, auth: c.login}).refusedAnew(c.err)
		if is[*auth.RefreshError](got) != c.anew {
			t.Errorf("%s: %v", name, got)
		}
		if f := whatOf(&ServerError{Server: "s", Err: got}); c.anew && strings.Contains(f.Message, "no login is configured") {
			t.Errorf("%s: %s", name, f.Message)
		}
	}
}
