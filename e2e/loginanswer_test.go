//go:build linux

package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"mcpproxy/auth/authtest"
)

// page opens an address, and returns what it shows.
func page(t *testing.T, address string) string {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// A code that is refused in the server's own words ends the login in every
// voice, and one that is to come again later does not.
func TestAnswerToTheCodeIsTold(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newTestServer(authtest.Options{NoDevice: true})
	s.configure(servers{"acme": discovering(a.ResourceURL())})
	who := newPerson(t, a.URL)

	command, shown := s.startLogin("acme")
	a.Fail(authtest.Token, authtest.Fault{Status: 503, Body: "busy"})
	landed := who.allow(shown)
	mentions(t, "the page", page(t, landed), []string{"answered HTTP 503; the login still waits"})
	eventually(t, "who waits is told", func() bool { return strings.Contains(command.stderr.String(), "answered HTTP 503") })
	if out := s.run(landed+"\n", binary(t), "login", "acme"); out.code != 4 || !strings.Contains(out.stderr, "still waiting: ") {
		t.Errorf("pasted elsewhere: exit status %d: %s", out.code, out.all())
	}
	io.WriteString(command.stdin, landed+"\n")
	eventually(t, "who pastes is told", func() bool { return strings.Count(command.stderr.String(), "answered HTTP 503") == 2 })
	a.Fail(authtest.Token, authtest.Fault{Status: 400, Body: `{"message":"code was used"}`})
	mentions(t, "the page", page(t, landed), []string{"answered HTTP 400", "code was used"})
	if out := command.outcome(t); out.code != 4 || !strings.Contains(out.stderr, "answered HTTP 400: \"code was used\"") {
		t.Errorf("login: exit status %d: %s", out.code, out.all())
	}

	host := s.serve()
	host.open(rev2025)
	var reply loginReply
	host.mcp(entry{"action": "login", "server": "acme"}).ok().into(&reply)
	paste := entry{"action": "complete_login", "server": "acme", "redirect_url": who.allow(reply.AuthorizeURL)}
	a.Fail(authtest.Token, authtest.Fault{Status: 429, Body: "slow"})
	r := host.mcp(paste).refused("login_pending")
	mentions(t, "the reply", r.Message+r.Next, []string{"answered HTTP 429", "the login still waits"})
	a.Fail(authtest.Token, authtest.Fault{Status: 401, Body: "Unauthorized"})
	mentions(t, "the reply", host.mcp(paste).refused("login_failed").Message, []string{"answered HTTP 401", "Unauthorized"})
	sent := a.Count(authtest.Faulted, "")
	host.mcp(paste).refused("login_failed")
	if n := a.Count(authtest.Faulted, ""); n != sent {
		t.Error("the code was sent again")
	}
}
