package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mcpproxy/auth"
)

// A project's file says little where it names a built-in provider. The person
// sees all the same where that logs in, and with which client.
func TestTrustShowsABuiltInProvider(t *testing.T) {
	t.Parallel()
	const file = `{"mcpServers": {
		"docs": {"url": "https://docs.example/mcp", "oauth": {"provider": "anthropic-mcp"}},
		"own":  {"url": "https://own.example/mcp", "oauth": {"provider": "anthropic-mcp", "client_id": "${env:OWN_CLIENT}"}},
		"some": {"url": "https://some.example/mcp", "oauth": {"provider": "${env:WHICH:-anthropic-mcp}"}},
		"none": {"command": "true"},
	}}`
	trust := func(args ...string) string {
		f := newFakeTerminal(t, `{"mcpServers": {}}`, nil)
		if err := os.MkdirAll(filepath.Join(f.dir, ".proxy"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(f.dir, ".proxy", "mcp.json"), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		if code := run(t.Context(), append([]string{"proxy", "trust"}, args...), f.terminal); code != 0 {
			t.Fatalf("exit code %d: %s", code, f.stderr)
		}
		return f.stdout.String()
	}
	words := trust()
	var report struct {
		Servers []struct {
			Name, Provider  string
			URLs, Variables []string
		}
	}
	if err := json.Unmarshal([]byte(trust("--json")), &report); err != nil || len(report.Servers) != 4 {
		t.Fatalf("%v: %+v", err, report)
	}
	for _, s := range report.Servers {
		_, of, _ := strings.Cut(words, "\n"+s.Name+"\n")
		of, _, _ = strings.Cut(of, "\n\n")
		builtIn := s.Name != "none"
		for _, said := range []string{"https://claude.ai/oauth/authorize", "https://platform.claude.com/v1/oauth/token", "logs in at"} {
			if strings.Contains(of, said) != builtIn {
				t.Errorf("%s: %s", s.Name, of)
			}
		}
		if reads := builtIn && s.Name != "own"; slices.Contains(s.Variables, auth.AnthropicClientIDEnv) != reads || strings.Contains(of, auth.AnthropicClientIDEnv) != reads {
			t.Errorf("%s reads %v: %s", s.Name, s.Variables, of)
		}
		if builtIn && (!slices.Contains(s.URLs, "oauth.authorize_url=https://claude.ai/oauth/authorize") ||
			!slices.Contains(s.URLs, "oauth.token_url=https://platform.claude.com/v1/oauth/token") || !strings.Contains(s.Provider, "anthropic-mcp")) {
			t.Errorf("%+v", s)
		}
	}
}
