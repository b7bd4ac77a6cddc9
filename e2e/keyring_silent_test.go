//go:build linux

package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"mcpproxy/auth/authtest"
)

// A keyring that is locked, or that never answers, as one does whose prompt
// nobody sees, delays only what needs it, and only for a while.
func TestSilentKeyring(t *testing.T) {
	t.Parallel()
	for name, silence := range map[string]func(*sandbox){
		"locked": func(s *sandbox) {
			out := s.run("", need(s.t, "dbus-send"), "--session", "--print-reply", "--dest=org.freedesktop.secrets", "/org/freedesktop/secrets",
				"org.freedesktop.Secret.Service.Lock", "array:objpath:/org/freedesktop/secrets/collection/login")
			if out.code != 0 || !strings.Contains(out.stdout, "collection/login") {
				s.t.Fatalf("lock: %s", out.all())
			}
		},
		"never answers": func(s *sandbox) { s.stop("gnome-keyring-daemon") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			a := s.newTestServer(authtest.Options{NoDevice: true})
			s.keyring(true)
			s.configure(servers{"acme": discovering(a.ResourceURL()), "open": fake(t)})
			s.loginByBrowser(newPerson(t, a.URL), "acme")
			silence(s)
			within := func(limit time.Duration, what string, work func()) {
				t.Helper()
				begin := time.Now()
				work()
				if took := time.Since(begin); took > limit {
					t.Errorf("%s took %s", what, took)
				}
			}
			within(15*time.Second, "login", func() {
				out := s.proxy("login", "acme")
				if out.code != 5 {
					t.Errorf("login exits with %d: %s", out.code, out.all())
				}
				mentions(t, "login", out.stderr, []string{"hint: unlock the keyring"})
			})
			within(5*time.Second, "status", func() {
				if st := s.loginState("acme"); st.State != "logged_in" {
					t.Errorf("status: %+v", st)
				}
			})
			host := s.serve()
			host.open(rev2025)
			_, slow := host.ask("tools/call", entry{"name": "mcp", "arguments": entry{
				"action": "call", "server": "acme", "tool": "echo", "arguments": entry{"text": "x"}}})
			within(4*time.Second, "a call of another server", func() {
				host.through("open", "echo", entry{"text": "undisturbed"}).ok()
			})
			within(20*time.Second, "a call", func() {
				r := newToolResult(t, host.await("call", slow).Result)
				if !r.IsError || !strings.Contains(r.text(), "keyring") {
					t.Errorf("the call answers %s", r.text())
				}
				mentions(t, "the next step", refusalOf(r).Next, []string{"unlock the keyring"})
			})
		})
	}
}

// stop suspends a program of the sandbox, for ever.
func (s *sandbox) stop(program string) {
	s.t.Helper()
	stopped := 0
	for _, p := range processes(s.dir) {
		if strings.Contains(p.command, program) && syscall.Kill(p.pid, syscall.SIGSTOP) == nil {
			stopped++
		}
	}
	if stopped == 0 {
		s.t.Fatalf("there is no %s among %v", program, processes(s.dir))
	}
}
