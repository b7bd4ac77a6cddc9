package config_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// All that is wrong with an entry and with the settings is told at once, in the
// order of the file.
func TestAllProblemsAreTold(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		entry string
		want  []string // the beginnings of the messages
	}{
		{`{"url": "http://evil.dev/mcp", "headers": {"Bad Name": "z", "Host": "q"}, "call_timeout": "-1s"}`, []string{
			`: "call_timeout" must be a duration`, ` has header "Bad Name"`, ` sets header "Host"`}},
		{`{"url": "http://evil.dev", "headers": {"A B": "1", "C D": "2", "Host": "3", "X-Key": "a\nb", "x-key": "4"}, "oauth": {"discovery": true}, "foo": 1}`, []string{
			`: unknown key "foo"`, ` has header "A B"`, ` has header "C D"`, ` sets header "Host"`, ` has a line end or control character in the value of header "X-Key"`,
			` has headers "X-Key" and "x-key"`, ` has "oauth" but a "url" that is not https`, ` requires oauth.discovery_allowlist`}},
		{`{"command": "x", "headers": {"A B": "1"}, "oauth": {}, "env": {"A=B": "", "C=D": ""}, "inherit_env": ["E F", "G", "H I"]}`, []string{
			` has a "command", which takes no "headers"`, ` has a "command", which takes no "oauth"`, ` has "A=B"`, ` has "C=D"`,
			` has no name of a variable in "inherit_env[0]"`, ` has no name of a variable in "inherit_env[2]"`}},
		{`{"url": "https://x.dev", "args": ["a"], "cwd": "b", "env": {"C=D": "d"}, "inherit_env": ["E"]}`, []string{
			` has a "url", which takes no "args"`, ` has a "url", which takes no "cwd"`, ` has a "url", which takes no "env"`, ` has a "url", which takes no "inherit_env"`}},
		{`{"command": "x", "tool_filter": {"include": ["[a", "b", "[c"], "exclude": ["[d"]}, "max_result_bytes": -1}`, []string{
			` has a bad "tool_filter": include pattern "[a"`, ` has a bad "tool_filter": include pattern "[c"`, ` has a bad "tool_filter": exclude pattern "[d"`, `: "max_result_bytes" must be between`}},
		{`{"url": "http://u:p@x.dev", "oauth": {"authorize_url": "http://x.dev/a", "token_url": "x", "client_id": "c", "redirect_uri": "http://localhost:1/?a=b", "scopes": ["a b", "c", "d e"], "resource": "r", "token_endpoint_auth_method": "jwt"}}`, []string{
			` has "oauth" but a "url" that is not https`, `: url must not hold a user name`, `: oauth.authorize_url`, `: oauth.token_url`, `: oauth.redirect_uri`,
			`: oauth.token_endpoint_auth_method`, `: oauth.scopes entry "a b"`, `: oauth.scopes entry "d e"`, `: oauth.resource`}},
		{`{"url": "https://x.dev", "oauth": {"discovery": true, "discovery_allowlist": ["a/b", "x.dev", "c/d"], "issuer": "http://x.dev", "scope": "a"}}`, []string{
			`: unknown key "scope"`, `: oauth.discovery_allowlist entry "a/b"`, `: oauth.discovery_allowlist entry "c/d"`, `: oauth.issuer`}},
		{`{"url": "https://x.dev", "oauth": {"authorize_url": "https://x.dev"}}`, []string{
			` requires oauth.token_url`, ` requires oauth.client_id`, ` requires oauth.redirect_uri`}},
		{`{"command": "${A} ${A} ${B}", "args": ["${env:}", "a\u0000"]}`, []string{
			` has ${A} in "command"`, ` has ${B} in "command"`, ` has a bad placeholder in "args[0]"`, ` has a NUL character in "args[1]"`}},
		{`{"command": 1, "url": "https://x.dev"}`, []string{`: "command" must be a string`, ` has both a "command" and a "url"`}},
		{`{"type": "htp", "url": "http://x.dev", "headers": {"X-Key": "k", "A B": ""}}`, []string{
			` has a "type" that is not known`, ` has header "A B"`, ` sends header "X-Key"`}},

		// What follows from another problem is not told.
		{`{"comand": "x"}`, []string{`: unknown key "comand"`}},
		{`{"url": 1}`, []string{`: "url" must be a string`}},
		{`{"type": "stdio", "command": {}}`, []string{`: "command" must be a string`}},
		{`{"url": "https://x.dev", "oauth": {"discovery": "yes", "discovery_allowlist": ["x.dev"]}}`, []string{`: "oauth.discovery" must be`}},
		{`{"url": "https://x.dev", "oauth": 1}`, []string{`: "oauth" must be an object`}},
		{`{"url": "https://x.dev", "oauth": {"provider": "nobody", "client_secret": "s"}}`, []string{`: oauth.provider`}},
		{`{"url": "x.dev", "oauth": {"discovery": true, "discovery_allowlist": ["x.dev"]}}`, []string{` has a "url" that is not an http or https address`}},
		{`{"url": "https://x.dev", "oauth": {"discovery_allowlist": ["x.dev"], "provider": "anthropic-mcp"}}`, []string{` requires oauth.discovery`}},
		{`{"type": "sse", "url": "https://x.dev", "oauth": {}}`, []string{` is of type "sse", which takes no "oauth"`}},
		{`{"url": "https://x.dev", "headers": {"X-A": 1}, "env": []}`, []string{`: "headers.X-A" must be a string`, `: "env" must be`}},
	} {
		c := loadText(t, `{"mcpServers": {"a": `+test.entry+`}}`)
		got := strings.Split(problems(c), "\n")
		ok := len(got) == len(test.want)
		for i, want := range test.want {
			ok = ok && strings.HasPrefix(got[i], `1: server "a"`+want)
		}
		if !ok {
			t.Errorf("%s:\n got %s\nwant %s", test.entry, strings.Join(got, "\n     "), strings.Join(test.want, "\n     "))
		}
	}
}

// No problem hides those of other entries or settings, and all have their place.
func TestProblemsAreInOrder(t *testing.T) {
	t.Parallel()
	c := loadText(t, `{
"breaker": {"nope": 1, "cooldown": 3},
"token_store": "x",
"mcpServers": {
"b": {"args": ["${API_KEY}", "${input:x}"],
 "env": {"A=B": "x"}, "command": "x", "max_result_bytes": -1},
"a": {"command": "x",
 "comand": "x", "args": [1, null],
 "call_timeout": 5},
"c": {"command": "x"},
"c": {"command": "${A}"},
"a":
 {"foo": 1},
"d/e": {
 "foo": 1}},
"max_concurrent_servers": 0}`)
	var got []string
	for line := range strings.Lines(problems(c)) {
		line, _, _ = strings.Cut(line, ":")
		got = append(got, line)
	}
	if want := strings.Fields("2 2 3 14 15 16 8 8 8 9 12 13 5 5 6 6 11 11"); !slices.Equal(got, want) {
		t.Errorf("lines %v, want %v:\n%s", got, want, problems(c))
	}
}

// However much is wrong with a file, the person reads no more than a page.
func TestProblemsAreBounded(t *testing.T) {
	t.Parallel()
	args := `"command": "x", "args": [` + strings.Repeat("1, ", 30) + `]`
	for _, test := range []struct {
		text       string
		told, more int
	}{
		{`{"mcpServers": {"a": {` + args + `}}}`, 20, 10},
		{`{"x": 1, "mcpServers": {"b": {` + args + `}, "a": {` + args + `}}}`, 20, 41},
		{`{"mcpServers": {"a": {"command": "x", "args": [` + strings.Repeat(`"${A}", `, 1000) + `]}}}`, 20, 980},
		{`{` + strings.Repeat(`"x": 1, `, 30) + `"mcpServers": {"a": {"command": 1}}}`, 20, 11},
		{`{"breaker": {` + strings.Repeat(`"x": 1, `, 30) + `}}`, 20, 10},
		{`{"mcpServers": {"a": {"command": 1, ` + strings.Repeat(`"x": 1, `, 19) + `}}}`, 20, 0},
	} {
		got := strings.Split(problems(loadText(t, test.text)), "\n")
		want := test.told
		if test.more > 0 {
			want++
			if last := fmt.Sprintf("0: and %d more problems | correct these first", test.more); got[len(got)-1] != last {
				t.Errorf("%.40s ends with %q, not with %q", test.text, got[len(got)-1], last)
			}
		}
		if len(got) != want {
			t.Errorf("%.40s: %d problems, want %d", test.text, len(got), want)
		}
	}
}
