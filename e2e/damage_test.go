package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mcpproxy/auth/authtest"
)

// loggedInAt starts our own authorization server and logs in to it, by paste
// through the tool.
func (s *sandbox) loggedInAt() *authtest.Server {
	s.t.Helper()
	a := s.newTestServer(authtest.Options{NoDevice: true})
	s.configure(servers{"protected": discovering(a.ResourceURL())})
	host := s.serve()
	host.open(rev2025)
	_, landed := host.pending("protected", newPerson(s.t, a.URL))
	host.mcp(entry{"action": "complete_login", "server": "protected", "redirect_url": landed}).ok()
	host.close()
	return a
}

// fileStore is the file that holds the tokens where the person wants a file.
func (s *sandbox) fileStore() string { return s.path("state/proxy/vault/file/credentials.json") }

// A write that was cut off leaves tokens in a file beside the store. They are
// gone after the logout.
func TestCutOffWriteLeavesNoTokens(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.loggedInAt()
	kept, err := os.ReadFile(s.fileStore())
	if err != nil {
		t.Fatal(err)
	}
	s.write("state/proxy/vault/file/credentials.json.tmp", string(kept[:len(kept)-2]))
	if found := s.searchFor(a.Secrets()); len(found) != 2 {
		t.Fatalf("secrets are in %d files", len(found))
	}
	if out := s.proxy("logout", "protected"); out.code != 0 {
		t.Fatalf("logout exits with %d: %s", out.code, out.all())
	}
	for path := range s.searchFor(a.Secrets()) {
		t.Errorf("after the logout there are secrets in %s", path)
	}
}

// The advice on a damaged file store, to log in again, helps, and what was in
// the file is still there for whoever wants to look at it.
func TestDamagedFileStore(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.loggedInAt()
	const damage = `{"mcp:protected": {"access_tok`
	s.write("state/proxy/vault/file/credentials.json", damage)
	for _, args := range [][]string{{"call", "protected", "echo", `{"text":"x"}`}, {"refresh", "protected"}} {
		out := s.proxy(args...)
		if out.code != 5 {
			t.Errorf("%s exits with %d", args[0], out.code)
		}
		mentions(t, args[0], out.stderr, []string{"damaged", "hint: log in again"})
	}
	host := s.serve()
	host.open(rev2025)
	mentions(t, "the model", host.through("protected", "echo", entry{"text": "x"}).refused("unavailable").Next, []string{"proxy login"})
	_, landed := host.pending("protected", newPerson(t, a.URL))
	host.mcp(entry{"action": "complete_login", "server": "protected", "redirect_url": landed}).ok()
	host.through("protected", "echo", entry{"text": "in"}).ok()
	aside, err := filepath.Glob(s.fileStore() + ".damaged-*")
	if err != nil || len(aside) != 1 {
		t.Fatalf("set aside: %q %v", aside, err)
	}
	if kept, err := os.ReadFile(aside[0]); string(kept) != damage {
		t.Errorf("set aside was %q: %v", kept, err)
	}
	if out := s.proxy("logout", "protected"); out.code != 0 || !strings.Contains(out.stdout, "revoked") {
		t.Errorf("logout exits with %d: %s", out.code, out.all())
	}
}
