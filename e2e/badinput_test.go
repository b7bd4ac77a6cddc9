package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// Whatever is wrong with a configuration or an upstream is said in one clear
// sentence with its place, and the rest goes on working.
func TestBadInput(t *testing.T) {
	t.Parallel()
	healthy := fmt.Sprintf(`"healthy": {"command": %q, "args": ["as-upstream"]}`, self(t))
	for _, c := range []struct {
		name string
		text string // of the configuration; @ is where the healthy server goes
		// call is what the model asks of the broken server: server, tool.
		server string
		code   string
		says   []string // in the refusal, or in what the command line says
		exit   int      // of "proxy connect SERVER"
	}{
		{
			name:   "missing variable",
			text:   `{"mcpServers": {@, "broken": {"command": "cat", "env": {"KEY": "${env:E2E_NOT_SET}"}}}}`,
			server: "broken", code: "config", says: []string{"E2E_NOT_SET"}, exit: 3,
		},
		{
			name:   "unknown key",
			text:   "{\"mcpServers\": {@,\n \"broken\": {\n  \"comand\": \"cat\"}}}",
			server: "broken", code: "config", says: []string{"mcp.json:3", "comand", "command"}, exit: 3,
		},
		{
			name:   "not on PATH",
			text:   `{"mcpServers": {@, "broken": {"command": "no-such-program-e2e"}}}`,
			server: "broken", code: "unavailable", says: []string{"no-such-program-e2e", "not found"}, exit: 6,
		},
		{
			name:   "no MCP server at all",
			text:   `{"mcpServers": {@, "broken": {"command": "sh", "args": ["-c", "echo Usage: sh FILE; cat >/dev/null"], "start_timeout": "500ms"}}}`,
			server: "broken", code: "unavailable", says: []string{"handshake", "Usage: sh FILE"}, exit: 6,
		},
		{
			name:   "exits at once",
			text:   `{"mcpServers": {@, "broken": {"command": "sh", "args": ["-c", "echo the license has expired >&2; exit 3"]}}}`,
			server: "broken", code: "unavailable", says: []string{"exit status 3", "the license has expired"}, exit: 6,
		},
		{
			name:   "nobody listens",
			text:   fmt.Sprintf(`{"mcpServers": {@, "broken": {"url": "http://127.0.0.1:%s/mcp"}}}`, freePort(t)),
			server: "broken", code: "unavailable", says: []string{"refused"}, exit: 6,
		},
		{
			name:   "unknown server",
			text:   `{"mcpServers": {@}}`,
			server: "helthy", code: "unknown_server", says: []string{"helthy", "healthy"}, exit: 2,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			s.config(strings.Replace(c.text, "@", healthy, 1))
			host := s.serve()
			host.open(rev2025)
			got := host.through(c.server, "echo", entry{"text": "x"})
			got.refused(c.code)
			mentions(t, "the refusal", got.text(), c.says)
			host.through("healthy", "echo", entry{"text": "fine"}).ok()

			out := s.proxy("connect", c.server)
			if out.code != c.exit {
				t.Errorf("connect %s exits with %d, not %d: %s", c.server, out.code, c.exit, out.all())
			}
			mentions(t, "the command line", out.stderr, c.says)
			if out := s.proxy("call", "healthy", "echo", `{"text":"fine"}`); out.code != 0 || !strings.Contains(out.stdout, "fine") {
				t.Errorf("the healthy server: %+v", out)
			}
		})
	}
}

func mentions(t tb, what, text string, words []string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%s does not mention %q: %s", what, w, text)
		}
	}
}

// A file that cannot be used at all is named with its line, while the server
// stays up and says so to the model.
func TestBadConfigurationFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		line       int
		says       []string
	}{
		{"broken JSON", "{\n  \"mcpServers\": {\n    \"a\": {\"command\" \"cat\"}\n  }\n}\n", 3, nil},
		{"cut off", "{\n  \"mcpServers\": {\n", 2, nil},
		{"unknown key", "{\n  \"mcpServer\": {}\n}", 2, []string{"mcpServer", "mcpServers"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			s.config(c.text)
			host := s.serve()
			host.open(rev2025)
			mentions(t, "status", host.mcp(entry{"action": "status"}).text(), append(c.says, "mcp.json", fmt.Sprintf(`"line":%d`, c.line)))
			out := s.proxy("list")
			if out.code != 3 {
				t.Errorf("list exits with %d: %s", out.code, out.all())
			}
			mentions(t, "list", out.stderr, append(c.says, fmt.Sprintf("mcp.json:%d:", c.line)))
		})
	}
	t.Run("missing file", func(t *testing.T) {
		t.Parallel()
		s := newSandbox(t)
		out := s.proxy("--config", s.path("nowhere.json"), "list")
		if out.code != 3 {
			t.Errorf("list exits with %d: %s", out.code, out.all())
		}
		mentions(t, "list", out.stderr, []string{"nowhere.json"})
	})
}

// A server that greets on stdout, as many do, is not thereby broken.
func TestGreetingOnStdout(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.configure(servers{"polite": fake(t, "-greet")})
	host := s.serve()
	host.open(rev2025)
	host.through("polite", "echo", entry{"text": "fine"}).ok()
	eventually(t, "the log tells of the greeting", func() bool { return strings.Contains(host.stderr.String(), "Welcome!") })
}

// A request that is wrong is refused with what would be right.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.configure(servers{"fake": fake(t)})
	host := s.serve()
	host.open(rev2025)
	for _, c := range []struct {
		request entry
		code    string
		says    []string
	}{
		{entry{"action": "serch_tool"}, "unknown_action", []string{"search_tools"}},
		{entry{"action": "call", "server": "fake", "tool": "ecko", "arguments": entry{"text": "x"}}, "unknown_tool", []string{"echo"}},
		{entry{"action": "call", "server": "fake", "tool": "echo", "arguments": entry{}}, "invalid_arguments", []string{"text"}},
		{entry{"action": "call", "server": "fake", "tool": "blob", "arguments": entry{"kib": "many"}}, "invalid_arguments", []string{"kib", "integer"}},
		{entry{"action": "call", "server": "fake", "tool": "echo", "arguments": 7}, "invalid_arguments", []string{"number"}},
		{entry{"action": "call", "tool": "echo", "server": "nowhere"}, "unknown_server", []string{"list_servers"}},
	} {
		got := host.mcp(c.request)
		refused := got.refused(c.code)
		mentions(t, fmt.Sprint(c.request), got.text(), c.says)
		if strings.Count(refused.Message, "\n") > 0 {
			t.Errorf("more than a sentence: %q", refused.Message)
		}
	}
	host.through("fake", "echo", entry{"text": "fine"}).ok()
}
