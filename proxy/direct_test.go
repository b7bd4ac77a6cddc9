package proxy

import (
	"encoding/json"
	"strings"
	"testing"

	"mcpproxy/proxy/mcptool"
)

// The plainest calls are what most requests are, and nothing else may go past the
// SDK's session.
func TestPlainCallsAreTold(t *testing.T) {
	t.Parallel()
	for arguments, want := range map[string]bool{
		`{"action":"call","server":"s","tool":"t"}`:                                              true,
		` {"tool":"t", "arguments":{"a":1,"x":{"action":"login"}},"server":"s","action":"call"}`: true,
		`{"action":"call","server":"s","tool":"t","arguments":{"action":"login"}}`:               false,
		`{"action":"call","server":"s","tool":"t","arguments":"{}"}`:                             false,
		`{"action":"call","server":"s","tool":"t","args":{}}`:                                    false,
		`{"action":"call","server":"s","tool":"t","tool":"u"}`:                                   false,
		`{"action":"call","server":"s","tool":""}`:                                               false,
		`{"action":"call","server":"s"}`:                                                         false,
		`{"action":"call","\u0061ction":"login","server":"s","tool":"t"}`:                        false,
		`{"action":"login","server":"s","tool":"t"}`:                                             false,
		`[]`: false,
	} {
		if _, got := mcptool.ReadPlain(json.RawMessage(arguments)); got != want {
			t.Errorf("%s: %v", arguments, got)
		}
	}
}

// What goes past the SDK's session is answered with the same bytes as what does not.
func TestDirectCallsAreAnsweredAsOthers(t *testing.T) {
	t.Parallel()
	const modern = `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
	legacy, stateless := serve(t, newTest(t, childServer(t, "raw", "raw"))).start(), serve(t, newTest(t, childServer(t, "raw", "raw")))
	stateless.send(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{` + modern[1:] + `}}`)
	stateless.line() // the protocol is known from now on
	for _, arguments := range []string{
		`{"action":"call","server":"raw","tool":"odd","arguments":{"n":1}}`,
		`{"action":"call","server":"raw","tool":"odd","arguments":"{\"n\":1}"}`,
		`{"action":"call","server":"raw","tool":"odd","arguments":{"n":1,"a":"break the protocol"}}`,
		`{"action":"call","server":"raw","tool":"odd","n":1}`,
		`{"action":"call","server":"raw","tool":"odd","arguments":{"n":"<&>\u2028é"}}`,
		`{"action":"call","server":"raw","tool":"fail"}`,
		`{"action":"call","server":"raw","tool":"refuse"}`,
		`{"action":"call","server":"raw","tool":"break"}`,
		`{"action":"call","server":"raw","tool":"ask"}`,
		`{"action":"call","server":"raw","tool":"echo","arguments":{"text":"<b>&\u2028 é"}}`,
		`{"action":"call","server":"raw","tool":"nothing"}`,
		`{"action":"call","server":"none","tool":"x"}`,
		`{"action":"call"}`,
		`{"action":"call","action":"login","server":"raw"}`,
		`{"action":"call","server":"raw","tool":"progress"}`,
		`{"action":"call","\u0061ction":"login","server":"raw"}`,
		`{"action":"call","arguments":{"action":"login","server":"raw"}}`,
		`{"action":"call","server":"raw","tool":"echo","arguments":{"action":"login","server":"raw"}}`,
		`{"action":"call","server":"raw","tool":"echo","arguments":{"text":` + strings.Repeat("[", 1100) + strings.Repeat("]", 1100) + `}}`,
	} {
		for _, meta := range []string{``, `,"_meta":{"x":[1]}`, `,"_meta":{"progressToken":"p"}`, modern} {
			h := legacy
			if meta == modern {
				h = stateless
			}
			var answers [2]string
			for i, beside := range []string{``, `,"other":1`} { // which goes to the SDK's session
				h.send(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"mcp","arguments":` + arguments + meta + beside + `}}`)
				for line := ""; !strings.Contains(line, `"id":7`); answers[i] += line + "\n" {
					line = h.line()
				}
			}
			if answers[0] != answers[1] || meta == modern && strings.Contains(answers[0], `"result":`) && !strings.Contains(answers[0], `"resultType":"complete"`) {
				t.Errorf("%s%s\n  direct %s through the SDK %s", arguments, meta, answers[0], answers[1])
			}
		}
	}
}
