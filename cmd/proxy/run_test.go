package main

import (
	"bytes"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mcpproxy/proxy/redact"
)

// A fakeTerminal keeps what a command wrote.
type fakeTerminal struct {
	*terminal
	stdout, stderr *bytes.Buffer
}

// testTerminal returns a terminal in folders of its own: nothing of the
// user's is read or written.
func testTerminal(t *testing.T, config string) *terminal {
	return newFakeTerminal(t, config, nil).terminal
}

func newFakeTerminal(t *testing.T, config string, env map[string]string) fakeTerminal {
	t.Helper()
	dir := t.TempDir()
	if config != "" {
		if err := os.WriteFile(filepath.Join(dir, "mcp.json"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all := map[string]string{
		"HOME":            dir,
		"PATH":            os.Getenv("PATH"),
		"PROXY_CONFIG":    filepath.Join(dir, "mcp.json"),
		"PROXY_STATE_DIR": filepath.Join(dir, "state"),
		"PROXY_CACHE_DIR": filepath.Join(dir, "cache"),
	}
	maps.Copy(all, env)
	f := fakeTerminal{stdout: new(bytes.Buffer), stderr: new(bytes.Buffer)}
	f.terminal = &terminal{
		redactor: new(redact.Redactor),
		in:       io.NopCloser(strings.NewReader("")), out: f.stdout, err: f.stderr, dir: dir,
		getenv: func(name string) (string, bool) { v, ok := all[name]; return v, ok },
	}
	return f
}

func TestExitCodesAndWords(t *testing.T) {
	t.Parallel()
	const config = `{"mcpServers": {
		"ghost": {"command": "no-such-command-anywhere"},
		"needy": {"command": "true", "env": {"TOKEN": "${env:NOT_SET_ANYWHERE}"}},
		"off":   {"command": "true", "disabled": true},
		"gone":  {"url": "http://127.0.0.1:1/mcp"},
	}}`
	for _, c := range []struct {
		name   string
		config string
		args   string
		code   int
		stderr []string
	}{
		{"unknown command", config, "stauts", exitUsage, []string{`no command "stauts"`, `did you mean "proxy status"?`}},
		{"unknown option", config, "status --jsn", exitUsage, []string{"jsn"}},
		{"too many arguments", config, "status a b", exitUsage, []string{"status takes at most the name of a server"}},
		{"unknown server", config, "connect gost", exitUsage, []string{`no server "gost"`, "did you mean ghost?"}},
		{"bad arguments", config, "call ghost tool [1]", exitUsage, []string{"one JSON object"}},
		{"command not on PATH", config, "connect ghost", exitUnavailable, []string{"no-such-command-anywhere", "hint: install"}},
		{"missing variable", config, "connect needy", exitConfig, []string{"NOT_SET_ANYWHERE"}},
		{"disabled", config, "connect off", exitConfig, []string{"off is disabled", "mcp.json"}},
		{"nobody listens", config, "connect gone", exitUnavailable, []string{"connection refused"}},
		{"broken file", `{"mcpServers": {`, "status", exitConfig, []string{"mcp.json:1"}},
		{"unknown key", `{"mcpServers": {"a": {"comand": "x"}}}`, "connect a", exitConfig, []string{"comand", "command"}},
		{"missing file", "", "status", exitConfig, []string{"mcp.json"}},
		{"bad level", config, "status --log-level loud", exitUsage, []string{"loud"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFakeTerminal(t, c.config, nil)
			code := run(t.Context(), append([]string{"proxy"}, strings.Fields(c.args)...), f.terminal)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			for _, want := range c.stderr {
				if !strings.Contains(f.stderr.String(), want) {
					t.Errorf("stderr lacks %q:\n%s", want, f.stderr)
				}
			}
		})
	}
}

func TestHelpOfEveryCommandHasAnExample(t *testing.T) {
	t.Parallel()
	for _, command := range newApp(testTerminal(t, "")).Commands {
		if command.Hidden {
			continue
		}
		f := newFakeTerminal(t, "", nil)
		if code := run(t.Context(), []string{"proxy", command.Name, "--help"}, f.terminal); code != exitDone {
			t.Errorf("%s --help: exit code %d", command.Name, code)
		}
		if !strings.Contains(f.stdout.String(), "Example") {
			t.Errorf("the help of %s has no example:\n%s", command.Name, f.stdout)
		}
	}
}

func TestWithoutCommandAProxyServesOrHelps(t *testing.T) {
	t.Parallel()
	f := newFakeTerminal(t, `{"mcpServers": {}}`, nil)
	f.terminal.in = io.NopCloser(strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"ping"}` + "\n"))
	if code := run(t.Context(), []string{"proxy"}, f.terminal); code != exitDone {
		t.Errorf("exit code %d: %s", code, f.stderr)
	}
	if !strings.Contains(f.stdout.String(), `"jsonrpc":"2.0"`) {
		t.Errorf("not served: %s", f.stdout)
	}
	f = newFakeTerminal(t, "", nil)
	f.terminal.inTTY = true
	if code := run(t.Context(), []string{"proxy"}, f.terminal); code != exitDone || !strings.Contains(f.stdout.String(), "proxy demo") {
		t.Errorf("exit code %d, no help: %s", code, f.stdout)
	}
}
