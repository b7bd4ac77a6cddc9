package main

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"mcpproxy/auth"
	"mcpproxy/auth/vault"
	"mcpproxy/catalog/schema"
	"mcpproxy/proxy"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/mcptool"
	"mcpproxy/upstream"
)

// Whatever a server is called, a command that is told can be pasted into a
// shell, which passes the name as one word and runs nothing.
func TestCommandsCanBePasted(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh")
	}
	told := regexp.MustCompile(`(?m)\b(?:proxy login|proxy status|proxy tools|proxy refresh|proxy trust) .*$`)
	for _, name := range []string{"plain", "my server", "it's $(touch x); `y` & \"z\"", "~", "-v", "a=b", "größe"} {
		for _, err := range []error{
			&mcptool.UnknownToolError{Server: name, Tool: "add"},
			&config.UntrustedError{Server: name, Dir: name},
			&auth.NeedsAuthError{Server: name, Reason: auth.InsufficientScope, Scopes: []string{"a$b"}},
			&auth.NeedsAuthError{Server: name, Reason: auth.Revoked, Err: errFact},
			&auth.LoginError{Server: name, Reason: auth.AlreadyFinished},
			&auth.LoginError{Server: name, Reason: auth.LoginExpired},
			&unfinishedLoginError{server: name},
			&proxy.ServerError{Server: name, Err: &upstream.StatusError{Code: 401}},
			&proxy.ServerError{Server: name, Err: &vault.Error{Reason: vault.Damaged}},
			&proxy.ArgumentsError{Server: name, Err: &schema.ArgumentError{}},
		} {
			for _, hint := range explain(err).hints {
				command := told.FindString(hint)
				if command == "" {
					continue
				}
				command = strings.TrimSuffix(command, " lists its tools")
				command = strings.TrimSuffix(command, " shows the login")
				out, runErr := exec.CommandContext(t.Context(), shell, "-c", `proxy() { shift; printf '%s\n' "$@"; }; `+command).Output()
				want := "\n" + name + "\n"
				if name[0] == '-' {
					want = "\n--" + want
				}
				if runErr != nil || !strings.Contains("\n"+string(out), want) {
					t.Errorf("%q becomes %q: %v", command, out, runErr)
				}
			}
		}
	}
}
