package config_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"mcpproxy/proxy/config"
)

func TestMaskedListing(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/everything.jsonc")
	if err != nil {
		t.Fatal(err)
	}
	c := loadText(t, string(text))
	if p := problems(c); p != "" {
		t.Fatal(p)
	}
	want, err := os.ReadFile("testdata/everything.masked.json")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.ReplaceAll(string(c.Masked()), c.Files[0], "mcp.json")
	if got != string(want) {
		t.Errorf("got:\n%s", got)
	}
	if strings.Contains(got, "literal") || strings.Contains(got, "fallback") {
		t.Error("a literal secret is shown")
	}
}

func TestSubstitutedListing(t *testing.T) {
	t.Parallel()
	c := loadText(t, `{"mcpServers": {
		"a": {"command": "x", "env": {"T": "${env:T}", "U": "literal"}},
		"b": {"command": "${env:NONE}"},
		"c": {"comand": "x"}}, "call_timeout": "7s"}`)
	before := string(c.Masked())
	var got struct {
		Servers []struct {
			Name    string
			Layer   string
			Problem *config.Problem
			Config  map[string]any
		}
		Settings map[string]any
	}
	if err := json.Unmarshal(c.Substituted(env("T", "<secret>")), &got); err != nil {
		t.Fatal(err)
	}
	a, b, d := got.Servers[0], got.Servers[1], got.Servers[2]
	if e := a.Config["env"].(map[string]any); e["T"] != "<secret>" || e["U"] != "literal" || a.Problem != nil || a.Layer != "global" {
		t.Errorf("a: %+v", a)
	}
	if want := `environment variable NONE, which "command" of server "b" needs, is not set`; b.Problem == nil || b.Problem.Message != want || b.Problem.Line != 3 || b.Config != nil {
		t.Errorf("b: %+v %+v", b, b.Problem)
	}
	if d.Problem == nil || d.Problem.Hint != `did you mean "command"?` || d.Config != nil {
		t.Errorf("c: %+v", d)
	}
	if got.Settings["call_timeout"] != "7s" {
		t.Errorf("settings %v", got.Settings)
	}
	if string(c.Masked()) != before {
		t.Error("substituting changed the configuration")
	}
}
