package config

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
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
			Problem *Problem
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

func TestMaskURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://x.dev/mcp":                            "https://x.dev/mcp",
		"https://u:p@x.dev/a@b?k=v&l=${env:L}&m#f":     "https://***@x.dev/a@b?k=***&l=${env:L}&***#***",
		"https://${env:U}:p${env:P}@x.dev":             "https://${env:U}***${env:P}@x.dev",
		"${env:BASE:-https://u:p@x.dev/?k=v}/mcp?k=v":  "${env:BASE:-https://***@x.dev/?k=***}/mcp?k=***",
		"https://${env:HOST:-x.dev}/${env:PATH:-a?b}/": "https://${env:HOST:-x.dev}/${env:PATH:-a?***}/",
		"?${env:A:-https://x.dev}":                     "?${env:A:-***}",
		"https://x.dev/$${env:A}?k=${env:A:-}":         "https://x.dev/$${env:A}?k=${env:A:-}",
		"https://x.dev/\U000F0000":                     "***",
	} {
		if got := maskURL(in); got != want {
			t.Errorf("%s\nbecame %s\nwant   %s", in, got, want)
		}
	}
}
