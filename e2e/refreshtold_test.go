//go:build linux

package e2e

import (
	"net/http"
	"strings"
	"testing"

	"mcpproxy/auth/authtest"
)

// A refresh that fails after the upstream has refused the token is told with its
// reason, at the start of a session and within one, and in every voice.
func TestFailedRefreshIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault authtest.Fault
		says  string
	}{
		"busy":        {authtest.Fault{Status: 503, Body: "busy"}, "answered HTTP 503"},
		"too many":    {authtest.Fault{Status: 429, Body: "slow"}, "answered HTTP 429"},
		"not found":   {authtest.Fault{Status: 404, Body: "<html>"}, "answered HTTP 404"},
		"redirect":    {authtest.Fault{Status: 302, Header: http.Header{"Location": {"/login"}}}, "answered HTTP 302"},
		"temporarily": {authtest.Fault{Status: 400, Body: `{"error":"temporarily_unavailable"}`}, "temporarily_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			a := s.newTestServer(authtest.Options{NoDevice: true})
			s.configure(servers{"acme": discovering(a.ResourceURL())})
			s.loginByBrowser(newPerson(t, a.URL), "acme")
			const fact = "the login to acme could not be refreshed now: "
			check := func(voice, text string) {
				t.Helper()
				mentions(t, voice, text, []string{fact, c.says})
				for _, word := range []string{"HTTP 401", "handshake", "calling ", "rejected by"} {
					if strings.Contains(text, word) {
						t.Errorf("%s says %q: %s", voice, word, text)
					}
				}
			}
			within := s.serve()
			within.open(rev2025)
			within.through("acme", "echo", entry{"text": "in"}).ok()
			a.ExpireTokens()
			a.Fail(authtest.Token, c.fault)
			check("within a session", within.through("acme", "echo", entry{"text": "x"}).refused("unavailable").Message)
			check("once more", within.through("acme", "echo", entry{"text": "x"}).refused("unavailable").Message)
			start := s.serve()
			start.open(rev2025)
			check("at the start", start.through("acme", "echo", entry{"text": "x"}).refused("unavailable").Message)
			check("status", start.mcp(entry{"action": "status", "server": "acme"}).text())
			for _, command := range [][]string{{"call", "acme", "echo", `{"text":"x"}`}, {"connect", "acme"}, {"refresh", "acme"}} {
				out := s.proxy(command...)
				if out.code != 6 {
					t.Errorf("%s: exit status %d: %s", command[0], out.code, out.all())
				}
				check(command[0], out.stderr)
			}
		})
	}
}
