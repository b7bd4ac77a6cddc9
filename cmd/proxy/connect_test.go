//go:build unix

package main

import (
	"strings"
	"testing"
)

// A server that logs in on its own prints its link on stderr.
func TestConnectShowsWhatTheServerSays(t *testing.T) {
	t.Parallel()
	f := newFakeTerminal(t, `{"mcpServers": {"remote": {"command": "sh", "start_timeout": "1s",
		"args": ["-c", "echo open https://login.example/x >&2; while read -r _; do :; done"]}}}`, nil)
	if code := run(t.Context(), []string{"proxy", "connect", "remote"}, f.terminal); code != exitUnavailable {
		t.Errorf("exit code %d", code)
	}
	if !strings.HasPrefix(f.stderr.String(), "remote: open https://login.example/x\n") {
		t.Errorf("stderr does not begin with what the server said:\n%s", f.stderr)
	}
}
