package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mcpproxy/proxy/config"
	"mcpproxy/upstream"
)

func TestProblemsOfAFile(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, text, want string }{
		{"empty", " \n", `0: the file is empty | write {"mcpServers": {}} to have no servers`},
		{"not UTF-8", "\xff\xfe{", "0: the file is not UTF-8 text | save it as UTF-8"},
		{"not an object", "\n[]", `2: the file must hold an object, not a list | the file looks like {"mcpServers": {…}}`},
		{"cut off", "{\n\"mcpServers\": {\n", "2: the file ends in the middle of a value | close every string, comment, { and ["},
		{"cut off in a string", "{\n\"mcpServers", "2: the file ends in the middle of a value | close every string, comment, { and ["},
		{"single quotes", "{\n 'a': 1}", `2: unexpected '\'' at column 2 | strings take double quotes (")`},
		{"no colon", `{"a" 1}`, "1: unexpected '1' at column 6 | a comma or a colon is missing before it"},
		{"no comma", "{\"mcpServers\": {}\n \"idle_ttl\": \"1m\"}", `2: unexpected '"' at column 2 | a comma or a colon is missing before it`},
		{"two commas", `{"mcpServers": {},,}`, "1: unexpected ',' at column 19 | a comma stands only between two values, or after the last one"},
		{"backslashes", `{"mcpServers": {"a": {"command": "C:\Users"}}}`, `1: invalid string at column 34 | inside a string write \\ for a backslash and \n for a line end`},
		{"bare word", `{"mcpServers": nope}`, `1: unexpected 'n' at column 16 | names and strings take double quotes ("); bare words are true, false and null`},
		{"control character", "{\"mcpServers\": \x01}", "1: unexpected character U+0001 at column 16"},
		{"two values", `{} {}`, "1: unexpected '{' at column 4 | a comma or a colon is missing before it"},
		{"deep", strings.Repeat("[", 1<<20), "1: values are nested more than 100 deep"},
		{"brackets in strings", `{"mcpServers": {"a": {"command": "` + strings.Repeat("[", 200) + `"}}}`, ""},
		{"brackets in comments", "{/*" + strings.Repeat("[", 200) + "*/}//" + strings.Repeat("[", 200), ""},
		{"servers of another kind", `{"mcpServers": []}`, `1: "mcpServers" must be an object, not a list`},
		{"servers twice", "{\"mcpServers\": {},\n\"mcpServers\": {}}", `2: "mcpServers" appears twice, first in line 1 | keep one of them`},
		{"the root key of VS Code", `{"servers": {}}`, `1: unknown key "servers" | did you mean "mcpServers"?`},
		{"unknown setting", "{\n\"idle_tll\": \"1m\"}", `2: unknown key "idle_tll" | did you mean "idle_ttl"?`},
		{"far key", `{"zzz": 1}`, `1: unknown key "zzz" | known keys: breaker, call_timeout, idle_ttl, max_call_time, max_concurrent_servers, max_result_bytes, mcpServers, start_timeout, token_store, wait_timeout`},
		{"duration as a number", `{"idle_ttl": 10}`, `1: "idle_ttl" must be a duration such as "90s" or "10m", not a number`},
		{"negative duration", `{"idle_ttl": "-1s"}`, `1: "idle_ttl" must be a duration such as "90s" or "10m"`},
		{"no servers at once", `{"max_concurrent_servers": 0}`, `1: "max_concurrent_servers" must be at least 1`},
		{"half a server", `{"max_concurrent_servers": 1.5}`, `1: "max_concurrent_servers" must be a whole number`},
		{"breaker", "{\"breaker\": {\"cooldown\": \"0\",\n\"fail_threshold\": 0}}", "1: \"breaker.cooldown\" must be more than 0\n2: \"breaker.fail_threshold\" must be at least 1"},
		{"unknown key of breaker", `{"breaker": {"treshold": 1}}`, `1: unknown key "treshold" in "breaker" | did you mean "fail_threshold"?`},
		{"negative size", `{"max_result_bytes": -1}`, `1: "max_result_bytes" must be between 0 (off) and 1073741824`},
		{"token store", `{"token_store": "kering"}`, `1: "token_store" is not known | use "keyring" or "file"`},
		{"names", strings.ReplaceAll("{\"mcpServers\": {\"a/b\": {},\n\"\": {},\n\"a\\u202eb\": {},\n\""+strings.Repeat("é", 65)+"\": {}}}", "{}", `{"command": "x"}`),
			"1: server name \"a/b\" holds \"/\", \"\\\" or \":\" | use letters, digits, hyphens and underscores\n" +
				"2: a server's name is empty | give it a name of 1 to 64 characters\n" +
				"3: server name \"a\\u202eb\" holds a character that is not printable | use letters, digits, hyphens and underscores\n" +
				"4: a server's name is longer than 64 characters | shorten it"},
		{"BOM, CRLF, comments, trailing commas", "\ufeff{\r\n// one\r\n\"mcpServers\": {\"a\": {\"command\": \"x\",},}, /* two */\r\n\"x\": 1}// end", `4: unknown key "x" | known keys: breaker, call_timeout, idle_ttl, max_call_time, max_concurrent_servers, max_result_bytes, mcpServers, start_timeout, token_store, wait_timeout`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := problems(loadText(t, test.text)); got != test.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, test.want)
			}
		})
	}
}

func TestProblemsOfAnEntry(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ entry, want string }{
		{`null`, `1: server "a": the entry must be an object, not null`},
		{`{"comand": "x"}`, `1: server "a": unknown key "comand" | did you mean "command"?`},
		{`{"httpUrl": "x"}`, `1: server "a": unknown key "httpUrl" | did you mean "url"?`},
		{"{\"command\": \"x\",\n\"command\": \"y\"}", `2: server "a": "command" appears twice, first in line 1 | keep one of them`},
		{`{"command": 1}`, `1: server "a": "command" must be a string, not a number | put the value in double quotes`},
		{`{"command": "x", "args": "y"}`, `1: server "a": "args" must be a list of strings, not a string`},
		{"{\"command\": \"x\", \"args\": [\"y\",\n{}]}", `2: server "a": "args[1]" must be a string, not an object`},
		{`{"command": "x", "env": {"PORT": 3000}}`, `1: server "a": "env.PORT" must be a string, not a number | put the value in double quotes`},
		{`{"command": "x", "env": {"A": "1", "A": "2"}}`, `1: server "a": "env.A" appears twice, first in line 1 | keep one of them`},
		{`{"command": "x", "env": []}`, `1: server "a": "env" must be an object of strings, not a list`},
		{`{"command": "x", "disabled": "yes"}`, `1: server "a": "disabled" must be true or false, not a string`},
		{`{"command": "x", "tool_filter": {"exlude": []}}`, `1: server "a": unknown key "exlude" in "tool_filter" | did you mean "exclude"?`},
		{`{"command": "x", "tool_filter": []}`, `1: server "a": "tool_filter" must be an object, not a list`},
		{`{"url": "https://x.dev", "oauth": {"scope": "read"}}`, `1: server "a": unknown key "scope" in "oauth" | did you mean "scopes"?`},
		{`{}`, `1: server "a" has neither a "command" nor a "url" | a server has either a "command" or a "url"`},
		{"{\"command\": \"x\",\n\"url\": \"https://x.dev\"}", `2: server "a" has both a "command" and a "url" | keep one of them`},
		{`{"type": "stdio", "url": "https://x.dev"}`, `1: server "a" is of type "stdio" but has no "command" | a server has either a "command" or a "url"`},
		{`{"type": "streamable-http", "command": "x"}`, `1: server "a" is of type "http" but has no "url" | a server has either a "command" or a "url"`},
		{`{"type": "ws", "url": "wss://x.dev"}`, `1: server "a" has a "type" that is not known | use "stdio", "http" or "sse"`},
		{`{"command": "x", "headers": {"A": "b"}}`, `1: server "a" has a "command", which takes no "headers" | pass settings with "env" or "args"`},
		{`{"command": "x", "oauth": {}}`, `1: server "a" has a "command", which takes no "oauth" | "oauth" belongs to a server with a "url"`},
		{`{"url": "https://x.dev", "args": ["y"]}`, `1: server "a" has a "url", which takes no "args" | it belongs to a server with a "command"`},
		{`{"command": "x", "args": ["a\u0000"]}`, `1: server "a" has a NUL character in "args[0]" | remove it`},
		{`{"command": "${env:A"}`, `1: server "a" has a bad placeholder in "command": ${env: without a closing "}" | write ${env:NAME} or ${env:NAME:-default}`},
		{`{"command": "${env:}"}`, `1: server "a" has a bad placeholder in "command": ${env:…} without a valid variable name | write ${env:NAME} or ${env:NAME:-default}`},
		{`{"command": "${env:A:-${env:B}}"}`, `1: server "a" has a bad placeholder in "command": a default cannot hold another ${…} | write ${env:NAME} or ${env:NAME:-default}`},
		{`{"command": "x", "call_timeout": "${env:T}"}`, `1: server "a": "call_timeout" takes no placeholders | write the value itself`},
		{`{"command": "x", "tool_filter": {"exclude": ["${env:T}"]}}`, `1: server "a" has a placeholder in "tool_filter.exclude[0]", which takes none | write the value itself`},
		{`{"command": "x", "env": {"A=B": "c"}}`, `1: server "a" has "A=B" in "env", which is no name of a variable | use letters, digits and underscores`},
		{`{"command": "x", "inherit_env": ["A", "B C"]}`, `1: server "a" has no name of a variable in "inherit_env[1]" | use letters, digits and underscores`},
		{`{"url": "x.dev/mcp"}`, `1: server "a" has a "url" that is not an http or https address | write it as in "https://example.com/mcp"`},
		{`{"url": "https://x.dev", "headers": {"A B": "c"}}`, `1: server "a" has header "A B", which is no valid name | use letters, digits and hyphens`},
		{`{"url": "https://x.dev", "headers": {"content-type": "c"}}`, `1: server "a" sets header "content-type", which belongs to the transport | remove it`},
		{`{"url": "https://x.dev", "headers": {"mcp-session-id": "c"}}`, `1: server "a" sets header "mcp-session-id", which belongs to the transport | remove it`},
		{`{"url": "https://x.dev", "headers": {"MCP-Param-X": "c"}}`, `1: server "a" sets header "MCP-Param-X", which belongs to the transport | remove it`},
		{`{"url": "https://x.dev", "headers": {"X-a": "1", "x-A": "2"}}`, `1: server "a" has headers "X-a" and "x-A", which are the same | keep one of them`},
		{`{"url": "https://x.dev", "headers": {"X-A": "1\r\nEvil: 2"}}`, `1: server "a" has a line end or control character in the value of header "X-A" | remove it; a file's last line end may have come with the value`},
		{`{"url": "https://x.dev", "oauth": {"provider": "anthropic-mcp"}, "headers": {"authorization": "x"}}`, `1: server "a" has both "oauth" and header "authorization" | keep one of them`},
		{`{"url": "http://x.dev", "oauth": {"provider": "anthropic-mcp"}}`, `1: server "a" has "oauth" but a "url" that is not https | use https, or http on a loopback address`},
		{`{"url": "http://u:p@x.dev"}`, `1: server "a" has a password in a "url" that is not https | use https, or http on a loopback address`},
		{"{\"headers\": {\"X-Api-Key\": \"k\"},\n\"url\": \"http://x.dev\"}", `2: server "a" sends header "X-Api-Key" to a "url" that is not https | use https, or http on a loopback address`},
		{`{"url": "http://x.dev", "headers": {"X-Who": "Bearer abc"}}`, `1: server "a" sends header "X-Who" to a "url" that is not https | use https, or http on a loopback address`},
		{`{"type": "sse", "url": "https://x.dev", "oauth": {}}`, `1: server "a" is of type "sse", which takes no "oauth" | use type "http", or pass a token with "headers"`},
		{`{"url": "https://x.dev", "oauth": {"discovery": true}}`, `1: server "a" requires oauth.discovery_allowlist (discovery contacts no host that is not listed)`},
		{`{"url": "https://u:p@x.dev", "oauth": {"provider": "anthropic-mcp"}}`, `1: server "a": url must not hold a user name or password`},
		{"{\"url\": \"https://x.dev\",\n\"oauth\": {\"token_url\": \"https://x.dev/t\", \"client_id\": \"c\", \"redirect_uri\": \"http://localhost:1/cb\"}}", `2: server "a" requires oauth.authorize_url`},
		{"{\"url\": \"https://x.dev\", \"oauth\": {\"authorize_url\": \"https://x.dev/a\",\n\"token_url\": \"http://x.dev/t\", \"client_id\": \"c\", \"redirect_uri\": \"http://localhost:1/cb\"}}", `2: server "a": oauth.token_url must be https, or http on a loopback address`},
		{`{"command": "x", "tool_filter": {"include": ["[a"]}}`, `1: server "a" has a bad "tool_filter": include pattern "[a": syntax error in pattern | use patterns such as "get_*"`},
		{`{"command": "x", "max_result_bytes": -5}`, `1: server "a": "max_result_bytes" must be between 0 (off) and 1073741824`},
	} {
		t.Run(test.entry, func(t *testing.T) {
			t.Parallel()
			c := loadText(t, `{"mcpServers": {"good": {"command": "x"}, "a": `+test.entry+`}}`)
			if got := problems(c); got != test.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, test.want)
			}
			if got := listed(c); got != "a! good" {
				t.Errorf("servers %q: the good one is harmed, or the broken one not kept", got)
			}
		})
	}
}

func TestTypeIsInferredAndAliasesAreReplaced(t *testing.T) {
	t.Parallel()
	for entry, want := range map[string]string{
		`{"command": "x", "headers": {}}`:                         "stdio",
		`{"url": "https://x.dev", "env": {}}`:                     "http",
		`{"url": "https://x.dev", "type": "streamable-http"}`:     "http",
		`{"url": "https://x.dev", "type": "streamableHttp"}`:      "http",
		`{"url": "http://127.0.0.1:1/", "type": "sse"}`:           "sse",
		`{"url": "${env:URL}", "headers": {"X-Key": "${env:K}"}}`: "http",
		`{"url": "http://[::1]:1/", "oauth": {"discovery": true, "discovery_allowlist": ["${env:H}"], "issuer": "http://localhost:1"}}`: "http",
	} {
		c := loadText(t, `{"mcpServers": {"a": `+entry+`}}`)
		if got := problems(c); got != "" {
			t.Errorf("%s: %s", entry, got)
		} else if got := c.Server("a").Entry.Type; got != want {
			t.Errorf("%s: type %q, want %q", entry, got, want)
		}
	}
}

func TestABrokenSettingLeavesTheServers(t *testing.T) {
	t.Parallel()
	c := loadText(t, `{"idle_tll": "1m", "mcpServers": {"a": {"command": "x"}, "b": {"command": "x"}, "b": {"command": "y"}}, "call_timeout": "7s"}`)
	if got := listed(c); got != "a b!" {
		t.Errorf("servers %q", got)
	}
	if len(c.Problems) != 1 || c.Settings.CallTimeout != upstream.Duration(7*time.Second) {
		t.Errorf("problems %v, settings %+v", c.Problems, c.Settings)
	}
}

func TestAMissingGlobalFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "mcp.json")
	if c := config.Load(config.LoadOptions{Global: file}); problems(c) != "" {
		t.Errorf("the default file: %s", problems(c))
	}
	c := config.Load(config.LoadOptions{Global: file, Explicit: true})
	if want := "0: the file does not exist | check the path given by --config or PROXY_CONFIG"; problems(c) != want {
		t.Errorf("a named file: %s", problems(c))
	}
	if c := config.Load(config.LoadOptions{Global: filepath.Dir(file)}); problems(c) != "0: the file cannot be read: not a regular file" {
		t.Errorf("a folder: %s", problems(c))
	}
}

// The files are the person's, who may share them.
func TestLoadLeavesAccessRights(t *testing.T) {
	t.Parallel()
	c := newClone(t, `{"mcpServers": {"new": {"command": "x"}}}`)
	for _, file := range []string{c.Global, c.file} {
		if err := os.Chmod(file, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c.trust(t)
	config.Load(c.LoadOptions)
	checkMode(t, c.Global, 0o644)
	checkMode(t, c.file, 0o644)
}

func TestChanged(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	o := config.LoadOptions{Global: filepath.Join(root, "mcp.json"), Dir: filepath.Join(root, "a", "b"), StateDir: filepath.Join(root, "state")}
	write(t, "", o.Dir, "file")
	step := func(what string, change func()) {
		t.Helper()
		c := config.Load(o)
		if c.Changed() {
			t.Errorf("before %s: changed already", what)
		}
		change()
		if !c.Changed() {
			t.Errorf("%s is not noticed", what)
		}
	}
	step("a new global file", func() { write(t, `{}`, o.Global) })
	step("an edit", func() { write(t, `{ }`, o.Global) })
	step("a project file above", func() { write(t, `{}`, root, "a", ".proxy", "mcp.json") })
	step("a nearer project file", func() { write(t, `{}`, o.Dir, ".proxy", "mcp.json") })
	step("trust", func() {
		if _, err := config.Trust(t.Context(), o.Dir, o.StateDir); err != nil {
			t.Fatal(err)
		}
	})
	step("removal", func() { os.Remove(o.Global) })
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	id := func(text string) string {
		t.Helper()
		c := loadText(t, `{"mcpServers": {`+text+`}}`)
		if len(c.Servers) != 1 || c.Servers[0].ID == "" {
			t.Fatalf("%s: %s", text, problems(c))
		}
		return c.Servers[0].ID
	}
	base := id(`"a": {"command": "x", "args": ["${env:A}"], "env": {"B": "1", "C": "2"}}`)
	same := id("\"a\": {/* why */ \"env\": {\"C\": \"2\", \"B\": \"1\",},\n \"type\": \"stdio\", \"args\": [ \"${env:A}\" ],\n\"command\": \"\\u0078\"}")
	if base != same {
		t.Error("layout, comments or the order of keys changes the identity")
	}
	for _, other := range []string{
		`"b": {"command": "x", "args": ["${env:A}"], "env": {"B": "1", "C": "2"}}`,
		`"a": {"command": "y", "args": ["${env:A}"], "env": {"B": "1", "C": "2"}}`,
		`"a": {"command": "x", "args": ["${env:A}"], "env": {"B": "1", "C": "3"}}`,
		`"a": {"comand": "x"}`,
	} {
		if id(other) == base {
			t.Errorf("%s has the same identity", other)
		}
	}
}

// A setting that is null is as good as absent.
func TestNullIsAbsence(t *testing.T) {
	t.Parallel()
	c := loadText(t, `{"idle_ttl": null, "breaker": {"cooldown": null, "fail_threshold": 2}, "mcpServers": {
		"a": {"command": "x", "args": null, "env": null, "type": null, "url": null, "tool_filter": null, "max_result_bytes": null, "disabled": null},
		"b": {"url": "https://x.dev", "headers": {"X-A": null, "content-type": null}, "oauth": {"scopes": null, "discovery": true, "discovery_allowlist": ["x.dev"]}, "command": null},
		"c": {"command": "x", "env": {"A": null, "B": "", "C=D": null}}}}`)
	if got := problems(c); got != "" {
		t.Error(got)
	}
	if a, b := c.Server("a").Entry, c.Server("b").Entry; a.Type != upstream.Stdio || b.Type != upstream.HTTP || len(b.Headers) > 0 || b.OAuth.Scopes != nil || c.Settings.Breaker.FailThreshold != 2 {
		t.Errorf("got %+v, %+v, %+v", a, b, c.Settings)
	}
	if env := c.Server("c").Entry.Env; len(env) != 1 {
		t.Errorf("env %v: a variable that is null is not absent", env)
	}
}

// An element of a list that is null may have stood for something: its place
// counts.
func TestNullInAListIsNamed(t *testing.T) {
	t.Parallel()
	for entry, want := range map[string]string{
		`{"command": "x", "args": ["a", null]}`:                      "args[1]",
		`{"command": "x", "inherit_env": [null]}`:                    "inherit_env[0]",
		`{"command": "x", "tool_filter": {"include": ["a*", null]}}`: "tool_filter.include[1]",
		`{"url": "https://x.dev", "oauth": {"scopes": [null]}}`:      "oauth.scopes[0]",
	} {
		want = `1: server "a": "` + want + `" is null | remove it, or write a string`
		if got := problems(loadText(t, `{"mcpServers": {"a": `+entry+`}}`)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
