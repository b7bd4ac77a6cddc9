//go:build linux

package e2e

import (
	"io"
	"strings"
	"testing"
	"time"

	"mcpproxy/auth/authtest"
)

// startsNothing checks that a login with a URL on stdin has ended without
// beginning another one.
func (s *sandbox) startsNothing(how string, out outcome, says string) {
	s.t.Helper()
	if out.code != 4 || !strings.Contains(out.all(), says) || link.MatchString(out.all()) {
		s.t.Errorf("%s: exit status %d, want 4 and %q: %s", how, out.code, says, out.all())
	}
}

// outcome waits for the end of a program.
func (d *daemon) outcome(t tb) outcome {
	t.Helper()
	select {
	case <-d.gone:
	case <-time.After(time.Minute):
		t.Fatalf("it does not end: %s%s", d.stdout, d.stderr)
	}
	return outcome{d.stdout.String(), d.stderr.String(), d.code}
}

// A URL that a pipe brings never starts a login, whenever it comes and whatever
// it is.
func TestPipeStartsNoLogin(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newTestServer(authtest.Options{NoDevice: true})
	s.configure(servers{"code": discovering(a.ResourceURL())})
	const url = "http://127.0.0.1:1/callback?code=c&state=of-another-login"
	for how, text := range map[string]string{
		"a URL": url + "\n", "without a line end": url, "after empty lines": "\n \r\n\n" + url + "\n", "after a byte order mark": "\ufeff" + url + "\r\n",
	} {
		s.startsNothing(how, s.run(text, binary(t), "login", "code"), "no login")
	}
	s.startsNothing("words", s.run("yes\n", binary(t), "login", "code"), "bad redirect")
	s.startsNothing("a long line", s.run(strings.Repeat("x", 1<<20)+"\n", binary(t), "login", "code"), "bad redirect")

	late := s.daemon(nil, binary(t), "login", "code")
	eventually(t, "it says what it waits for", func() bool { return strings.Contains(late.stderr.String(), "awaited on stdin") })
	<-time.After(4 * time.Second)
	io.WriteString(late.stdin, "\n"+url+"\n")
	s.startsNothing("a late URL", late.outcome(t), "no login")
	if st := s.loginState("code"); st.Pending != nil {
		t.Errorf("a login is pending: %+v", st.Pending)
	}

	left, shown := s.startLogin("code", "--paste")
	left.kill()
	s.startsNothing("a URL of another login", s.run(url+"\n", binary(t), "login", "code"), "wrong state")
	if out := s.run(newPerson(t, a.URL).allow(shown)+"\n", binary(t), "login", "code"); out.code != 0 {
		t.Errorf("the login that was pending: %s", out.all())
	}
}

// A login that a URL is awaited for may end elsewhere. That starts no new one
// either.
func TestPipeAfterALogout(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newTestServer(authtest.Options{NoDevice: true})
	s.configure(servers{"code": discovering(a.ResourceURL())})
	left, _ := s.startLogin("code", "--paste")
	left.kill()
	pipe := s.daemon(nil, binary(t), "login", "code")
	eventually(t, "it says what it waits for", func() bool { return strings.Contains(pipe.stderr.String(), "pending") })
	if out := s.proxy("logout", "code"); out.code != 0 {
		t.Fatalf("logout: %s", out.all())
	}
	s.startsNothing("after the logout", pipe.outcome(t), "no login")
}

// An empty line is no line: a login starts as if there were none, and the end
// of stdin does not end it.
func TestEmptyLineIsNoLine(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newTestServer(authtest.Options{NoDevice: true})
	who := newPerson(t, a.URL)
	s.configure(servers{"code": discovering(a.ResourceURL())})
	for how, text := range map[string]string{"empty": "\n", "spaces": " \t \r\n\r\n", "a byte order mark": "\ufeff\r\n", "nothing": ""} {
		d := s.daemon(nil, binary(t), "login", "code")
		io.WriteString(d.stdin, text)
		d.stdin.Close()
		eventually(t, how+": a link is shown", func() bool { return strings.Contains(d.stderr.String(), "Open this link") })
		who.land(link.FindString(d.stderr.String()))
		s.finish(d, "code")
	}

	open := s.daemon(nil, binary(t), "login", "code")
	io.WriteString(open.stdin, "\n")
	eventually(t, "a link is shown", func() bool { return strings.Contains(open.stderr.String(), "Open this link") })
	io.WriteString(open.stdin, "\n\n"+who.allow(link.FindString(open.stderr.String()))+"\n")
	s.finish(open, "code")
}

// An empty line where a URL was to come, such as that of an unset variable, leaves
// the login alone that waits for it. No line at all asks for a new one.
func TestEmptyLineLeavesALoginPending(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newTestServer(authtest.Options{NoDevice: true})
	who := newPerson(t, a.URL)
	s.configure(servers{"code": discovering(a.ResourceURL())})
	left, shown := s.startLogin("code", "--paste")
	left.kill()
	for how, text := range map[string]string{"empty": "\n", "spaces": " \t \r\n\r\n", "a byte order mark": "\ufeff\r\n", "without a line end": "  "} {
		out := s.run(text, binary(t), "login", "code")
		s.startsNothing(how, out, "no URL came")
		mentions(t, how, out.stderr, []string{"still waits", `echo "$URL" | proxy login code`, "proxy login code </dev/null"})
	}
	if out := s.run(who.allow(shown)+"\n", binary(t), "login", "code"); out.code != 0 {
		t.Errorf("the login that was pending: %s", out.all())
	}

	left, _ = s.startLogin("code", "--paste")
	left.kill()
	anew := s.daemon(nil, binary(t), "login", "code")
	anew.stdin.Close()
	who.land(s.linkOf(anew))
	s.finish(anew, "code")
}
