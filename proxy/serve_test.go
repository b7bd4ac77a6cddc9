package proxy

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func TestResultsPassByteForByte(t *testing.T) {
	t.Parallel()
	h := serve(t, newTest(t, childServer(t, "raw", "raw"))).start()
	got := h.call(`{"action":"call","server":"raw","tool":"odd","arguments":{"n":1}}`)
	if want := `{"jsonrpc":"2.0","id":1,"result":` + oddResult + `}`; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestSchemasPassByteForByte(t *testing.T) {
	t.Parallel()
	h := serve(t, newTest(t, childServer(t, "raw", "raw"))).start()
	line := h.call(`{"action":"describe_tool","server":"raw","tool":"odd"}`)
	var m struct {
		Result struct{ Content []struct{ Text string } }
	}
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		t.Fatal(err)
	}
	contains(t, m.Result.Content[0].Text, `"input_schema":`+oddTool[strings.Index(oddTool, `{"type"`):strings.Index(oddTool, `,"description"`)])
}

func TestStatelessEraGetsItsMembers(t *testing.T) {
	t.Parallel()
	h := serve(t, newTest(t, childServer(t, "raw", "raw")))
	const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
	h.send(`{"jsonrpc":"2.0","id":"d","method":"server/discover","params":{` + meta + `}}`)
	contains(t, h.line(), `"2026-07-28"`, `"instructions"`, `"tools":{}`)
	h.send(`{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{"name":"mcp",` + meta +
		`,"arguments":{"action":"call","server":"raw","tool":"odd","arguments":{"n":1}}}}`)
	want := strings.Replace(oddResult, `"_meta":{`,
		`"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"proxy","title":"MCP proxy","version":"1.2.3"},`, 1)
	want = `{"jsonrpc":"2.0","id":"c","result":{"resultType":"complete",` + want[1:] + `}`
	if got := h.line(); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestHostsOfEachEra(t *testing.T) {
	t.Parallel()
	for _, version := range mcp.SupportedProtocolVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			p := newTest(t, childServer(t, "raw", "raw"))
			here, there := pipes()
			done := make(chan error, 1)
			go func() { done <- p.Serve(t.Context(), here.Reader, here.Writer) }()
			client := mcp.NewClient(&mcp.Implementation{Name: "host", Version: "1"}, nil)
			s, err := client.Connect(t.Context(), there, &mcp.ClientSessionOptions{ProtocolVersion: version})
			if err != nil {
				t.Fatal(err)
			}
			tools, err := s.ListTools(t.Context(), nil)
			if err != nil || len(tools.Tools) != 1 || tools.Tools[0].Name != "mcp" {
				t.Fatalf("tools %v, %v", tools, err)
			}
			r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "mcp", Arguments: map[string]any{
				"action": "call", "server": "raw", "tool": "echo", "arguments": map[string]any{"text": "hi"},
			}})
			if err != nil || fmt.Sprint(r.StructuredContent) != "map[text:hi]" {
				t.Errorf("got %+v, %v", r, err)
			}
			s.Close()
			if err := <-done; err != nil {
				t.Errorf("Serve: %v", err)
			}
		})
	}
}

func TestProgressIsRelayedUnderTheHostsToken(t *testing.T) {
	t.Parallel()
	h := serve(t, newTest(t, childServer(t, "raw", "raw"))).start()
	h.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"mcp","_meta":{"progressToken":"tok"},` +
		`"arguments":{"action":"call","server":"raw","tool":"progress"}}}`)
	for i := range 3 {
		want := fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"tok",`+
			`"progress":%d.50,"total":12345678901234567890,"message":"step","extra":1}}`, i)
		if got := h.line(); got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	}
	contains(t, h.line(), `"id":1,"result":{"content":[]}`)
}

// hang is a call that is not answered, but tells when it has arrived.
const hang = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"mcp","_meta":{"progressToken":1},` +
	`"arguments":{"action":"call","server":"raw","tool":"hang"}}}`

func TestHostCancels(t *testing.T) {
	t.Parallel()
	h := serve(t, newTest(t, childServer(t, "raw", "raw"))).start()
	h.call(`{"action":"list_tools","server":"raw"}`)
	h.send(hang)
	contains(t, h.line(), "notifications/progress")
	h.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`)
	// There is no answer to it: the next line is that to the next request.
	contains(t, h.call(`{"action":"call","server":"raw","tool":"odd","arguments":{"n":1}}`), oddResult)
}

func TestIDsThatCannotBeGivenBackAreRefused(t *testing.T) {
	t.Parallel()
	h := serve(t, newTest(t)).start()
	for _, id := range []string{"9007199254740993", "1.5", "null"} {
		h.send(`{"jsonrpc":"2.0","id":` + id + `,"method":"ping"}`)
		contains(t, h.line(), `"id":`+id+`,`, "-32600")
	}
}

func TestHostLeaves(t *testing.T) {
	t.Parallel()
	h := serve(t, newTest(t, childServer(t, "raw", "raw"))).start()
	h.call(`{"action":"list_tools","server":"raw"}`)
	h.send(hang)
	contains(t, h.line(), "notifications/progress")
	h.in.Close()
	if err := <-h.end; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestMalformedLinesAreAnswered(t *testing.T) {
	t.Parallel()
	h := serve(t, newTest(t))
	for _, c := range []struct{ line, want string }{
		{`{"jsonrpc":`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,`},
		{`{"id":3,"method":"ping"}`, `{"jsonrpc":"2.0","id":3,"error":{"code":-32600,`},
		{`{"jsonrpc":"2.0","id":true,"method":"ping"}`, `"code":-32600`},
		{`[]`, `"code":-32600`},
	} {
		h.send(c.line)
		contains(t, h.line(), c.want)
	}
	h.start()
	h.send(`{"jsonrpc":"2.0","id":1,"method":"nosuch"}`)
	contains(t, h.line(), `"code":-32601`)
	contains(t, h.call(`{"action":"help"}`), `search_tools`)
}

func TestBatchesAreAnsweredAsBatches(t *testing.T) {
	t.Parallel()
	h := serve(t, newTest(t, childServer(t, "raw", "raw")))
	h.send(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"h","version":"1"}}}`)
	contains(t, h.line(), `"protocolVersion":"2025-03-26"`)
	h.send(`[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/initialized"},` +
		`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"mcp","arguments":{"action":"call","server":"raw","tool":"odd","arguments":{"n":1}}}}]`)
	line := h.line()
	var answers []json.RawMessage
	if err := json.Unmarshal([]byte(line), &answers); err != nil || len(answers) != 2 {
		t.Fatalf("%v: %s", err, line)
	}
	contains(t, line, `{"jsonrpc":"2.0","id":2,"result":`+oddResult+`}`)
}

func TestCutOffCallIsRepeatedIfTheToolAllowsIt(t *testing.T) {
	t.Parallel()
	h := serve(t, newTest(t, childServer(t, "raw", "raw"))).start()
	r := ask(t, h, `{"action":"call","server":"raw","tool":"flaky"}`)
	if note, _ := r.Meta[noteKey].(string); r.IsError || !strings.Contains(note, "repeated") {
		t.Errorf("got %+v", r)
	}
}

func TestChangedToolsAreListedAfresh(t *testing.T) {
	t.Parallel()
	p := newTest(t, childServer(t, "raw", "raw"))
	h := serve(t, p).start()
	h.call(`{"action":"call","server":"raw","tool":"grow"}`)
	target, err := p.View(t.Context()).target(at(t, p.View(t.Context()), "raw"))
	if err != nil {
		t.Fatal(err)
	}
	for !target.stale.Load() { // the notification is handled beside the answer
		runtime.Gosched()
	}
	contains(t, h.call(`{"action":"list_tools","server":"raw"}`), "grown")
}

func TestServeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	p := newTest(t, childServer(t, "raw", "raw"))
	here, there := pipes()
	ctx, cancel := context.WithCancelCause(t.Context())
	end := make(chan error, 1)
	go func() { end <- p.Serve(ctx, here.Reader, here.Writer) }()
	h := &rawHost{t: t, in: there.Writer, out: bufio.NewScanner(there.Reader)}
	h.start().call(`{"action":"list_tools","server":"raw"}`)
	h.send(hang)
	contains(t, h.line(), "notifications/progress")
	stop := errors.New("signal")
	cancel(stop)
	if err := <-end; err != stop {
		t.Errorf("Serve: %v", err)
	}
}

func TestHostThatDoesNotReadCannotHoldUs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newTest(t)
		here, there := pipes()
		end := make(chan error, 1)
		go func() { end <- p.Serve(t.Context(), here.Reader, here.Writer) }()
		h := &rawHost{t: t, in: there.Writer, out: bufio.NewScanner(there.Reader)}
		h.start().send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"mcp","arguments":{"action":"help"}}}`)
		h.in.Close()
		if err := <-end; err != nil {
			t.Errorf("Serve: %v", err)
		}
		there.Reader.Close()
	})
}

// Nothing that a host sends can make us wait for it to read.
func TestBadLinesOfAHostThatDoesNotReadCannotHoldUs(t *testing.T) {
	t.Parallel()
	stop := errors.New("signal")
	for name, end := range map[string]func(h *rawHost, cancel context.CancelCauseFunc) (want error){
		"end of input": func(h *rawHost, _ context.CancelCauseFunc) error { h.in.Close(); return nil },
		"signal":       func(_ *rawHost, cancel context.CancelCauseFunc) error { cancel(stop); return stop },
	} {
		for what, line := range map[string]string{"no message": `{"jsonrpc":`, "batch": `[7]`, "request": `{"jsonrpc":"2.0","id":1,"method":"ping"}`} {
			t.Run(name+" after "+what, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					p := newTest(t)
					here, there := pipes()
					ctx, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					got := make(chan error, 1)
					go func() { got <- p.Serve(ctx, here.Reader, here.Writer) }()
					h := &rawHost{t: t, in: there.Writer, out: bufio.NewScanner(there.Reader)}
					h.start()
					for range 1000 { // more than we keep for a host to read
						h.send(line)
					}
					want := end(h, cancel)
					select {
					case err := <-got:
						if err != want {
							t.Errorf("Serve: %v", err)
						}
					case <-time.After(3 * time.Second):
						t.Error("Serve still waits")
					}
					there.Reader.Close()
				})
			})
		}
	}
}
