//go:build linux

package e2e

import (
	"strings"
	"testing"
)

// keyring gives the sandbox a D-Bus session and a gnome-keyring of its own,
// unlocked or not.
func (s *sandbox) keyring(unlocked bool) {
	s.t.Helper()
	s.bus()
	mode, password := "--start", ""
	if unlocked {
		mode, password = "--unlock", "test\n"
	}
	d := s.daemonWith(password, nil, need(s.t, "gnome-keyring-daemon"), mode, "--components=secrets", "--foreground")
	if !d.ready(func() bool {
		out := s.run("", need(s.t, "dbus-send"), "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus",
			"org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets")
		return strings.Contains(out.stdout, "boolean true")
	}) {
		s.t.Fatalf("gnome-keyring did not start: %s", d.stderr)
	}
}

// bus gives the sandbox a D-Bus session of its own, and has the proxy keep
// its tokens in the operating system's keyring.
func (s *sandbox) bus() {
	s.t.Helper()
	d := s.daemon(nil, need(s.t, "dbus-daemon"), "--session", "--nofork", "--print-address", "--nopidfile",
		"--address=unix:path="+s.path("bus"))
	if !d.ready(func() bool { return strings.Contains(d.stdout.String(), "\n") }) {
		s.t.Fatalf("dbus-daemon did not start: %s", d.stderr)
	}
	s.setenv("DBUS_SESSION_BUS_ADDRESS="+strings.TrimSpace(d.stdout.String()), "PROXY_TOKEN_STORE=keyring")
}

// The tokens are in the real keyring and nowhere else, and a restart needs no
// new login.
func TestKeyringHoldsTheLogin(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	secretTool := need(t, "secret-tool")
	a := s.newAuthServer(60)
	s.keyring(true)
	s.configure(servers{"protected": a.entry()})
	host := s.serve("--log-level", "debug")
	host.open(rev2025)
	host.login("protected", a.newPerson())
	host.through("protected", "echo", entry{"text": "in"}).ok()
	host.close()
	if out := s.run("", secretTool, "search", "--all", "service", "proxy"); !strings.Contains(out.all(), "mcp:protected") {
		t.Errorf("secret-tool finds %s", out.all())
	}
	for _, token := range a.taken() {
		if files := s.filesWith(token); len(files) > 0 {
			t.Errorf("the token is in clear in %q", files)
		}
	}
	again := s.serve()
	again.open(rev2025)
	again.through("protected", "echo", entry{"text": "still in"}).ok()
	if n := len(a.events("grant.success", "authorization_code")); n != 1 {
		t.Errorf("%d logins were made", n)
	}
}

// Without a keyring, or with a locked one, nothing hangs and nothing falls
// back to a file: the error says what to do.
func TestKeyringUnusable(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*sandbox){
		"no bus": func(s *sandbox) {
			s.setenv("DBUS_SESSION_BUS_ADDRESS=unix:path="+s.path("nowhere"), "PROXY_TOKEN_STORE=keyring")
		},
		"nobody there": (*sandbox).bus,
		"locked":       func(s *sandbox) { s.keyring(false) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			a := s.newAuthServer(60)
			prepare(s)
			s.configure(servers{"protected": a.entry(), "open": fake(t)})
			out := s.proxy("login", "protected", "--paste")
			if out.code != 5 {
				t.Errorf("login exits with %d: %s", out.code, out.all())
			}
			mentions(t, "login", out.stderr, []string{"keyring", "token_store"})
			host := s.serve()
			host.open(rev2025)
			host.through("open", "echo", entry{"text": "undisturbed"}).ok()
		})
	}
}
