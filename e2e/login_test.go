package e2e

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// A loginReply is what the login action says.
type loginReply struct {
	Flow         string
	AuthorizeURL string `json:"authorize_url"`
	UserCode     string `json:"user_code"`
	Verification string `json:"verification_url_complete"`
	Next         string
}

// login logs in through the tool, by pasting.
func (p *peer) login(server string, who *person) {
	p.t.Helper()
	var reply loginReply
	p.mcp(entry{"action": "login", "server": server}).ok().into(&reply)
	if reply.Flow != "paste" {
		p.t.Fatalf("the flow is %q", reply.Flow)
	}
	landed := who.allow(reply.AuthorizeURL)
	p.mcp(entry{"action": "complete_login", "server": server, "redirect_url": landed}).ok()
}

// A model is told that a login is needed, starts it, and the person pastes.
// The login outlives the process, and logout ends it.
func TestLoginThroughTheTool(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newAuthServer(60)
	s.configure(servers{"protected": a.entry(), "open": fake(t)})
	host := s.serve()
	host.open(rev2026)
	host.through("protected", "echo", entry{"text": "x"}).refused("needs_auth")
	host.through("open", "echo", entry{"text": "undisturbed"}).ok()
	host.login("protected", a.newPerson())
	host.through("protected", "echo", entry{"text": "in"}).ok()
	host.close()

	again := s.serve()
	again.open(rev2025)
	again.through("protected", "echo", entry{"text": "still in"}).ok()
	again.close()
	if n := len(a.events("grant.success", "authorization_code")); n != 1 {
		t.Errorf("%d logins were made", n)
	}
	if out := s.proxy("logout", "protected"); out.code != 0 {
		t.Errorf("logout: %s", out.all())
	}
	for _, token := range a.taken() {
		if a.active(token) {
			t.Error("after the logout the token is still good")
		}
	}
	if out := s.proxy("call", "protected", "echo", `{"text":"x"}`); out.code != 4 {
		t.Errorf("after the logout a call exits with %d: %s", out.code, out.all())
	}
}

// A wrong paste is refused with the reason, and the login goes on waiting.
func TestWrongPaste(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newAuthServer(60)
	s.configure(servers{"protected": a.entry()})
	host := s.serve()
	host.open(rev2025)
	var reply loginReply
	host.mcp(entry{"action": "login", "server": "protected"}).ok().into(&reply)
	landed := a.newPerson().allow(reply.AuthorizeURL)
	paste := func(text string) toolResult {
		return host.mcp(entry{"action": "complete_login", "server": "protected", "redirect_url": text})
	}
	for _, wrong := range []string{
		regexp.MustCompile(`state=[^&]+`).ReplaceAllString(landed, "state=forged"),
		"http://127.0.0.1/callback", "not a URL at all",
	} {
		if r := paste(wrong); !r.IsError {
			t.Errorf("%s was accepted: %s", wrong, r.text())
		}
	}
	paste(landed).ok()
	host.through("protected", "echo", entry{"text": "in"}).ok()
	if r := paste(landed); !r.IsError {
		t.Errorf("the second paste was accepted: %s", r.text())
	}
}

// An answer that comes from another issuer than was asked (RFC 9207) never
// gets as far as the token endpoint.
func TestAnswerOfAnotherIssuer(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newAuthServer(60)
	s.configure(servers{"protected": a.entry()})
	host := s.serve()
	host.open(rev2025)
	for _, forged := range []string{"iss=https%3A%2F%2Fevil.example", "x=1"} {
		var reply loginReply
		host.mcp(entry{"action": "login", "server": "protected"}).ok().into(&reply)
		landed := regexp.MustCompile(`iss=[^&]+`).ReplaceAllString(a.newPerson().allow(reply.AuthorizeURL), forged)
		if r := host.mcp(entry{"action": "complete_login", "server": "protected", "redirect_url": landed}); !r.IsError {
			t.Errorf("%s was accepted: %s", forged, r.text())
		}
	}
	if n := len(a.events("authorization_code.consumed", "")); n != 0 {
		t.Errorf("%d codes reached the token endpoint", n)
	}
}

// The device flow finishes by itself once the person has agreed elsewhere.
func TestDeviceLogin(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newAuthServer(60, "DEVICE=1")
	s.configure(servers{"protected": a.entry()})
	host := s.serve()
	host.open(rev2025)
	var reply loginReply
	host.mcp(entry{"action": "login", "server": "protected"}).ok().into(&reply)
	if reply.Flow != "device" || reply.UserCode == "" {
		t.Fatalf("the flow is %+v", reply)
	}
	a.newPerson().allow(reply.Verification)
	eventually(t, "the login is finished", func() bool {
		return !host.through("protected", "echo", entry{"text": "in"}).IsError
	})
}

var link = regexp.MustCompile(`https?://\S+\?\S+`)

// startLogin runs "proxy login" until it has shown its link.
func (s *sandbox) startLogin(args ...string) (command *daemon, shown string) {
	s.t.Helper()
	command = s.daemon(nil, binary(s.t), append([]string{"login"}, args...)...)
	return command, s.linkOf(command)
}

// linkOf waits until a login has shown its link.
func (s *sandbox) linkOf(command *daemon) (shown string) {
	s.t.Helper()
	if !command.ready(func() bool {
		shown = link.FindString(command.stdout.String() + command.stderr.String())
		return shown != ""
	}) {
		s.t.Fatalf("login shows no link: %s%s", command.stdout, command.stderr)
	}
	return shown
}

// On the command line the login can be left, and finished by another process
// with the address that the browser ended on.
func TestLoginOnTheCommandLine(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newAuthServer(60)
	s.configure(servers{"protected": a.entry()})
	command, shown := s.startLogin("protected", "--paste")
	landed := a.newPerson().allow(shown)
	command.kill() // the terminal was closed
	out := s.run(landed+"\n", binary(t), "login", "protected")
	if out.code != 0 {
		t.Fatalf("the second process does not finish it: exit status %d: %s", out.code, out.all())
	}
	if out := s.proxy("call", "protected", "echo", `{"text":"in"}`); out.code != 0 {
		t.Errorf("call: exit status %d: %s", out.code, out.all())
	}
	if out := s.proxy("refresh", "protected"); out.code != 0 || len(a.events("grant.success", "refresh_token")) != 1 {
		t.Errorf("refresh: exit status %d: %s", out.code, out.all())
	}
	if out := s.proxy("status", "--json"); !strings.Contains(out.stdout, `"protected"`) || strings.Contains(out.stdout, "needs_auth") {
		t.Errorf("status: %s", out.all())
	}
}

// The browser's own callback finishes a login too, while the command waits.
func TestLoginByCallback(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newAuthServer(60)
	s.configure(servers{"protected": a.entry()})
	command, shown := s.startLogin("protected")
	resp, err := http.Get(a.newPerson().allow(shown))
	if err != nil {
		t.Fatal(err)
	}
	page, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	mentions(t, "the landing page", string(page), []string{"close"})
	<-command.gone
	if out := s.proxy("call", "protected", "echo", `{"text":"in"}`); out.code != 0 {
		t.Errorf("call: exit status %d: %s", out.code, out.all())
	}
}

// A client that was registered for one login may ask for more in the next.
func TestLoginForMore(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newAuthServer(60)
	s.configure(servers{"protected": a.entry()})
	who := a.newPerson()
	s.loginByBrowser(who, "protected")
	s.loginByBrowser(who, "protected", "--scope", "mcp:write")
	mentions(t, "status", strings.Join(s.loginState("protected").Scopes, " "), []string{"mcp:basic", "mcp:write"})
}
