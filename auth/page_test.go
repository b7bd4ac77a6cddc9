package auth

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"mcpproxy/auth/vault"
)

func TestPages(t *testing.T) {
	t.Parallel()
	login := func(reason LoginReason) error {
		return &LoginError{Server: "s", Reason: reason, Err: &OAuthError{Code: "<script>", Description: `"><img src=x>`}}
	}
	for name, c := range map[string]struct {
		err  error
		kind string
		says string
	}{
		"success":   {nil, "done", "You are logged in to"},
		"again":     {login(AlreadyFinished), "done", "already logged in"},
		"stranger":  {login(WrongState), "waiting", "another login"},
		"nothing":   {login(BadRedirect), "waiting", "waits for the end of the login"},
		"late":      {login(CodeRefused), "failed", "took too long"},
		"denied":    {login(Denied), "failed", "was not granted"},
		"mix-up":    {login(WrongIssuer), "failed", "another server"},
		"refused":   {login(Refused), "failed", "was refused"},
		"not saved": {&vault.Error{Store: vault.StoreKeyring, Reason: vault.Locked}, "failed", "could not be saved"},
		"network":   {errors.New("dial tcp 10.0.0.1"), "failed", "still waiting"},
	} {
		rec := httptest.NewRecorder()
		writePage(rec, `<b>"evil"</b>`, c.err)
		body := rec.Body.String()
		if !strings.Contains(body, `<main class="`+c.kind+`">`) || !strings.Contains(body, c.says) {
			t.Errorf("%s: %s", name, body)
		}
		for _, bad := range []string{"<b>", "<script", "<img", "<link", "url(", "@import", "10.0.0.1"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s: the page holds %s", name, bad)
			}
		}
		for header, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'sha256-",
			"Referrer-Policy":         "no-referrer",
			"X-Content-Type-Options":  "nosniff",
			"Cache-Control":           "no-store",
			"Content-Type":            "text/html; charset=utf-8",
		} {
			if got := rec.Header().Get(header); !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s is %q", name, header, got)
			}
		}
		if !strings.Contains(body, pageCSS) {
			t.Errorf("%s: the style is not the one that the policy allows", name)
		}
	}
}
