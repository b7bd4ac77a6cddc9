package main

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
)

// ofGo matches what only the program's author understands.
var ofGo = regexp.MustCompile(`json: |jsonrpc2|marshal|mcp\.\w*Params|interface \{|map\[|\bGo \w|EOF|"code":0\b|context canceled`)

// oddParams are params that are wrong for some request, or for each.
var oddParams = []string{
	`3`, `"x"`, `[]`, `[1]`, `true`, `null`, ``, `{}`, `{"_meta":3}`, `{"_meta":[]}`, `{"_meta":null}`,
	`{"_meta":{"progressToken":{}}}`, `{"_meta":{"progressToken":[1]}}`, `{"_meta":{"progressToken":1e400}}`, `{"_meta":{"progressToken":true}}`,
	`{"_meta":{"io.modelcontextprotocol/protocolVersion":3}}`, `{"_meta":{"io.modelcontextprotocol/protocolVersion":"2031-01-01"}}`,
	`{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":3}}`,
	`{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":3,"io.modelcontextprotocol/clientCapabilities":{"roots":4}}}`,
	`{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/logLevel":3}}`,
	`{"protocolVersion":3}`, `{"capabilities":[]}`, `{"capabilities":{"roots":3}}`, `{"capabilities":{"elicitation":"x"}}`, `{"clientInfo":"me"}`, `{"clientInfo":{"name":5}}`,
	`{"cursor":3}`, `{"cursor":"zzz"}`, `{"name":3}`, `{"name":"mcp","arguments":3}`, `{"name":"mcp","arguments":"x"}`, `{"name":"mcp","arguments":[1]}`,
	`{"name":"mcp","arguments":{"action":3,"server":{},"tool":[]}}`, `{"name":"mcp","arguments":{"action":"call","limit":"x","offset":1.5,"arguments":[]}}`,
	`{"name":"mcp","arguments":{"action":"read_result","result_id":7,"offset":"a","limit":{}}}`, `{"name":"nope"}`, `{"name":"mcp","inputResponses":3}`, `{"name":"mcp","requestState":3}`,
	`{"uri":3}`, `{"ref":3,"argument":4}`, `{"ref":{"type":"x"}}`, `{"level":3}`, `{"requestId":{}}`, `{"requestId":3}`, `{"notifications":3}`,
}

var allMethods = []string{
	"initialize", "ping", "tools/list", "tools/call", "logging/setLevel", "prompts/list", "prompts/get", "resources/list", "resources/read", "resources/templates/list",
	"resources/subscribe", "resources/unsubscribe", "completion/complete", "server/discover", "subscriptions/listen", "no/such", "",
	"notifications/initialized", "notifications/cancelled", "notifications/progress", "notifications/roots/list_changed",
}

// No answer to odd requests names a type of Go, quotes all of the params, or has
// no code.
func TestOddRequestsAreAnsweredInPlainWords(t *testing.T) {
	t.Parallel()
	const hello = `{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`
	for name, first := range map[string]string{"after a handshake": hello, "without one": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := []string{first}
			for _, method := range allMethods {
				for _, params := range oddParams {
					if params != "" {
						params = `,"params":` + params
					}
					// A notification is not answered, and so must not end the session.
					lines = append(lines, fmt.Sprintf(`{"jsonrpc":"2.0","method":%q%s}`, method, params),
						fmt.Sprintf(`{"jsonrpc":"2.0","id":"%d","method":%q%s}`, len(lines), method, params))
				}
			}
			f := newFakeTerminal(t, `{"mcpServers": {}}`, nil)
			f.in = io.NopCloser(strings.NewReader(strings.Join(lines, "\n")))
			if code := run(t.Context(), []string{"proxy", "serve"}, f.terminal); code != exitDone {
				t.Fatalf("exit code %d: %s", code, f.stderr)
			}
			answers := strings.Split(strings.TrimSpace(f.stdout.String()), "\n")
			if want := len(allMethods) * len(oddParams); len(answers) < want*9/10 { // a subscription is open to the end
				t.Errorf("%d answers to %d requests", len(answers), want)
			}
			for _, a := range answers {
				if ofGo.MatchString(a) {
					t.Error(a)
				}
			}
		})
	}
}

func TestOddParamsAreNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, params string
		code           int
		message        string
	}{
		{"initialize", `[1]`, -32602, `invalid params: they must be an object`},
		{"initialize", `null`, -32600, `missing required "params"`},
		{"initialize", `{"clientInfo":{"name":5}}`, -32602, `invalid params: "clientInfo.name" must be a string`},
		{"initialize", `{"capabilities":[]}`, -32602, `invalid params: "capabilities" must be an object`},
		{"tools/list", `{"cursor":3}`, -32602, `invalid params: "cursor" must be a string`},
		{"tools/list", `{"_meta":[]}`, -32602, `invalid params: "_meta" must be an object`},
		{"tools/call", `{"name":3}`, -32602, `invalid params: "name" must be a string`},
		{"tools/call", `{"name":"nope"}`, -32602, `unknown tool "nope"`},
		{"ping", `true`, -32602, `invalid params: they must be an object`},
		{"initialize", `{}`, -32600, `duplicate "initialize" received`},
		{"no/such", `{}`, -32601, `method not found: "no/such"`},
		{"completion/complete", `{"ref":{"type":"x"}}`, -32602, `invalid params`},
		{"notifications/cancelled", `{"requestId":{}}`, -32602, `invalid params`},
	} {
		t.Run(c.method+" "+c.params, func(t *testing.T) {
			t.Parallel()
			f := newFakeTerminal(t, `{"mcpServers": {}}`, nil)
			hello := `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}` + "\n"
			f.in = io.NopCloser(strings.NewReader(hello + fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, c.method, c.params)))
			if code := run(t.Context(), []string{"proxy", "serve"}, f.terminal); code != exitDone {
				t.Fatalf("exit code %d: %s", code, f.stderr)
			}
			for line := range strings.Lines(f.stdout.String()) {
				var got struct {
					ID    int
					Error struct {
						Code    int
						Message string
					}
				}
				if err := json.Unmarshal([]byte(line), &got); err != nil {
					t.Fatal(err)
				}
				if got.ID == 1 && (got.Error.Code != c.code || got.Error.Message != c.message) {
					t.Errorf("got %d, %s", got.Error.Code, got.Error.Message)
				}
			}
		})
	}
}
