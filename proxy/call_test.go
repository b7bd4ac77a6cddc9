package proxy

import (
	"strings"
	"testing"
)

// A result that hosts refuse is told as an error, since the model would learn
// nothing else, not even that the tool has run.
func TestResultsThatHostsRefuseAreExplained(t *testing.T) {
	t.Parallel()
	for _, result := range []string{
		`{"content":["a"]}`, `{"content":[null]}`, `{"content":[{"text":"x"}]}`, `{"content":[{"type":"text"}]}`,
		`{"content":[],"content":"x"}`, `{"content":[],"isError":"no"}`, `{"content":[],"_meta":"x"}`,
		`{"\u0072esultType":"input_required","inputRequests":{}}`,
	} {
		h := serve(t, newTest(t, webServer(t, result))).start()
		r := ask(t, h, `{"action":"call","server":"web","tool":"tool"}`)
		if !r.IsError || len(r.Content) != 1 || !strings.Contains(r.Content[0].Text, `"code":"unavailable","message":"web: the tool has run, but `) {
			t.Errorf("%s became %+v", result, r)
		}
	}
}

// Programs write null for what they leave out, for which hosts refuse a result.
func TestNullsOfAResultAreLeftOut(t *testing.T) {
	t.Parallel()
	h := serve(t, newTest(t, webServer(t, `{"content":[{"type":"text","text":"a","annotations":null}],"isError":null,"structuredContent":null,"_meta":null}`))).start()
	got := h.call(`{"action":"call","server":"web","tool":"tool"}`)
	if want := `{"jsonrpc":"2.0","id":1,"result":{"_meta":{"mcpproxy/note":"what was null in the result was left out"},"content":[{"type":"text","text":"a"}]}}`; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// Hosts before MCP 2026-07-28 refuse structured content that is no object.
func TestStructuredContentOfAnyTypeReachesItsHost(t *testing.T) {
	t.Parallel()
	h := serve(t, newTest(t, webServer(t, `{"content":[],"structuredContent":[1]}`))).start()
	got := h.call(`{"action":"call","server":"web","tool":"tool"}`)
	if want := `{"jsonrpc":"2.0","id":1,"result":{"_meta":{"mcpproxy/note":"structured content that is no object was left out"},"content":[{"type":"text","text":"[1]"}]}}`; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	modern := serve(t, newTest(t, webServer(t, `{"content":[],"structuredContent":[1]}`)))
	modern.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"mcp","arguments":{"action":"call","server":"web","tool":"tool"},` +
		`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"x","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}`)
	if got := modern.line(); !strings.Contains(got, `"structuredContent":[1]`) {
		t.Errorf("got %s", got)
	}
}
