package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// The Inspector's command line is a host of its own.
func TestInspector(t *testing.T) {
	t.Parallel()
	inspector := need(t, "mcp-inspector")
	s := newSandbox(t)
	s.configure(servers{"fake": fake(t)})
	inspect := func(args ...string) string {
		t.Helper()
		line := []string{"--cli", binary(t), "serve"}
		for _, pair := range s.ours() { // it hands on nothing that it was not told to
			line = append(line, "-e", pair)
		}
		out := s.run("", inspector, append(line, args...)...)
		if out.code != 0 {
			t.Fatalf("inspector %q: exit status %d\n%s", args, out.code, out.all())
		}
		return out.stdout
	}
	var list struct {
		Tools []struct{ Name string }
	}
	if text := inspect("--method", "tools/list"); json.Unmarshal([]byte(text), &list) != nil || len(list.Tools) != 1 {
		t.Errorf("tools/list: %s", text)
	}
	text := inspect("--method", "tools/call", "--tool-name", "mcp", "--tool-arg", "action=call", "--tool-arg", "server=fake",
		"--tool-arg", "tool=echo", "--tool-arg", `arguments={"text":"seen by the inspector"}`)
	if !strings.Contains(text, "seen by the inspector") {
		t.Errorf("tools/call: %s", text)
	}
}

// The script that the agents' model follows: it looks for a tool, and reads a file.
func fileScript(path string) []string {
	return []string{
		`{"action":"list_tools","server":"files"}`,
		fmt.Sprintf(`{"action":"call","server":"files","tool":"read_text_file","arguments":{"path":%q}}`, path),
	}
}

// Claude Code, which opens on the 2026-07-28 wire.
func TestClaudeCode(t *testing.T) {
	t.Parallel()
	claude := need(t, "claude")
	s := newSandbox(t)
	path := s.write("docs/poem.txt", "The moon is a lantern.\n")
	s.configure(servers{"files": filesystem(t, s.path("docs"))})
	model := newScriptedModel(t, fileScript(path)...)
	s.setenv("ENABLE_TOOL_SEARCH=false", "ANTHROPIC_BASE_URL="+model.url, "ANTHROPIC_API_KEY=dummy", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1")

	if out := s.run("", claude, "mcp", "add", "proxy", "--", binary(t), "serve"); out.code != 0 {
		t.Fatalf("mcp add: %s", out.all())
	}
	if out := s.run("", claude, "mcp", "list"); !strings.Contains(out.stdout, "Connected") {
		t.Errorf("mcp list: %s", out.all())
	}
	config := s.write("claude.json", fmt.Sprintf(`{"mcpServers":{"proxy":{"command":%q,"args":["serve"]}}}`, binary(t)))
	out := s.run("", claude, "-p", "go", "--mcp-config", config, "--strict-mcp-config", "--allowedTools", "mcp__proxy__mcp")
	if !strings.Contains(out.stdout, "TOOL SAID: ") || !strings.Contains(out.stdout, "The moon is a lantern.") {
		t.Errorf("claude -p: exit status %d: %s", out.code, out.all())
	}
	if len(model.tools) == 0 || strings.Count(model.tools[0], `"name":`) != 1 {
		t.Errorf("the model was offered %s", model.tools)
	}
}

// Codex, which opens with initialize.
func TestCodex(t *testing.T) {
	t.Parallel()
	codex := need(t, "codex")
	s := newSandbox(t)
	path := s.write("docs/poem.txt", "The moon is a lantern.\n")
	s.configure(servers{"files": filesystem(t, s.path("docs"))})
	model := newScriptedModel(t, fileScript(path)...)
	s.setenv("CODEX_HOME=" + s.path(".codex"))
	config := fmt.Sprintf("model = \"stub\"\nmodel_provider = \"stub\"\n\n[model_providers.stub]\nname = \"stub\"\nbase_url = %q\nwire_api = \"responses\"\n\n[mcp_servers.proxy]\ncommand = %q\nargs = [\"serve\"]\n\n[mcp_servers.proxy.env]\n", model.url+"/v1", binary(t))
	for _, pair := range s.ours() { // it hands on nothing that it was not told to
		name, value, _ := strings.Cut(pair, "=")
		config += fmt.Sprintf("%s = %q\n", name, value)
	}
	s.write(".codex/config.toml", config)
	out := s.run("", codex, "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "go")
	if !strings.Contains(out.stdout, "TOOL SAID: ") || !strings.Contains(out.stdout, "The moon is a lantern.") {
		t.Errorf("codex exec: exit status %d: %s", out.code, out.all())
	}
}
