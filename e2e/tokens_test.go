//go:build linux

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Every code, verifier and token of a login's whole life is looked for in all
// that the proxy says, at debug level too, in its command lines, and in every
// file: with the keyring as the vault they are nowhere.
func TestLoginSecretsStayInside(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newAuthServer(60)
	s.keyring(true)
	s.configure(servers{"protected": a.entry()})
	var said strings.Builder
	host := s.serve("--log-level", "debug", "--log-file", s.path("proxy.log"))
	host.open(rev2025)
	host.login("protected", a.newPerson())
	for _, request := range []entry{
		{"action": "call", "server": "protected", "tool": "echo", "arguments": entry{"text": "in"}},
		{"action": "status"}, {"action": "list_tools", "server": "protected"},
		{"action": "complete_login", "server": "protected", "redirect_url": "http://127.0.0.1/?state=x&code=y"},
	} {
		said.Write(host.mcp(request).raw)
	}
	for _, args := range [][]string{{"refresh", "protected"}, {"status", "--json"}, {"connect", "protected"}, {"list", "--resolve", "--json"}} {
		said.WriteString(s.proxy(append([]string{"--log-level", "debug"}, args...)...).all())
	}
	host.through("protected", "echo", entry{"text": "after the refresh"}).ok()
	said.WriteString(fmt.Sprint(processes(s.dir)))

	command, shown := s.startLogin("protected", "--paste")
	landed := a.newPerson().allow(shown)
	command.kill()
	finished := s.run(landed+"\n", binary(t), "--log-level", "debug", "login", "protected")
	if finished.code != 0 {
		t.Errorf("the second login: %s", finished.all())
	}
	for _, part := range []string{finished.all(), command.stdout.String(), command.stderr.String()} {
		said.WriteString(part)
	}
	said.WriteString(s.proxy("--log-level", "debug", "logout", "protected").all())
	host.close()
	said.WriteString(host.stderr.String())

	grants := a.events("grant.success", "")
	if len(grants) != 3 {
		t.Errorf("there were %d grants, not two logins and a refresh", len(grants))
	}
	for _, grant := range grants {
		if len(grant.Secrets) < 3 {
			t.Errorf("oidc-provider does not tell the secrets of %+v", grant)
		}
		for _, secret := range grant.Secrets {
			if at := strings.Index(said.String(), secret); at >= 0 {
				t.Errorf("a secret of %s was said: …%s…", grant.Grant, around(said.String(), at))
			}
			if files := s.filesWith(secret); len(files) > 0 {
				t.Errorf("a secret of %s is in clear in %q", grant.Grant, files)
			}
		}
	}
	if info, err := os.Stat(s.path("proxy.log")); err != nil || info.Size() == 0 {
		t.Errorf("the log tells nothing: %v", err)
	}
}
