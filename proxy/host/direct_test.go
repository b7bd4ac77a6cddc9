package host_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/proxy/host"
)

// greet reads a handshake and answers it. All that follows is direct where it can
// be.
func greet(t *testing.T, c *host.Conn) {
	t.Helper()
	respond(t, c, request(t, c).ID, `{"protocolVersion":"2025-11-25"}`)
	if req := request(t, c); req.Method != "notifications/initialized" {
		t.Fatalf("got %s", req.Method)
	}
}

func toolCall(id, params string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":%s}`, id, params)
}

const (
	initialize  = `{"jsonrpc":"2.0","id":"h","method":"initialize","params":{"protocolVersion":"2025-11-25"}}`
	initialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
)

// all takes every call.
func all(answer func(context.Context, host.Call) mcp.Result) func(host.Call) func(context.Context) mcp.Result {
	return func(call host.Call) func(context.Context) mcp.Result {
		return func(ctx context.Context) mcp.Result { return answer(ctx, call) }
	}
}

// rest reads until the end of the input and returns the ids of the requests that
// the SDK's session gets.
func rest(t *testing.T, c *host.Conn) (ids []string) {
	t.Helper()
	for {
		msg, err := c.Read(t.Context())
		if errors.Is(err, io.EOF) {
			return ids
		} else if err != nil {
			t.Fatal(err)
		}
		if req := msg.(*jsonrpc.Request); req.IsCall() {
			ids = append(ids, fmt.Sprint(req.ID.Raw()))
		}
	}
}

// Only calls that mean the same to everyone go past the SDK's session.
func TestPlainCallsAreDirect(t *testing.T) {
	t.Parallel()
	const plain = `{"name":"mcp","arguments":{"a": 1}}`
	direct := map[string]string{
		`1`: plain, `-7`: plain, `"x"`: plain, `9007199254740991`: plain,
		`2`: `{"_meta":{"progressToken":7},"arguments":{"a":1.50},"name":"mcp"}`,
	}
	others := map[string]string{
		`"3"`: `{"name":"mcp"}`, `4`: `{"name":"mcp","arguments":[]}`, `5`: `{"name":"other","arguments":{}}`, `6`: `{"name":"mcp","arguments":{},"task":{}}`,
		`7`: `{"name":"mcp","arguments":{"no":1}}`, `8`: `{"name":"mcp","arguments":{},"_meta":[]}`, `"\u0041"`: plain,
		`9`: `{"name":"mcp","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}`, `10`: `{"n\u0061me":"mcp","arguments":{}}`,
		`20`: `{"name":"mcp","arguments":{},"_meta":{"io.modelcontextprotocol\/protocolVersion":"2026-07-28"}}`, `21`: `{"name":"mcp","arguments":{},"arguments":{}}`,
		`22`: `{"name":"mcp","arguments":{},"_meta":{"n":1e400}}`,
	}
	synctest.Test(t, func(t *testing.T) {
		lines := []string{toolCall("0", plain), initialize, toolCall("11", plain), initialized}
		for _, calls := range []map[string]string{direct, others} {
			for id, params := range calls {
				lines = append(lines, toolCall(id, params))
			}
		}
		lines = append(lines, strings.Replace(toolCall("12", plain), `"2.0"`, `"1.0"`, 1))
		c, out := connect(t, lines...)
		c.Answer(t.Context(), "mcp", func(call host.Call) func(context.Context) mcp.Result {
			if strings.Contains(string(call.Arguments), "no") {
				return nil
			}
			result := `{"got":` + string(call.Arguments) + `,"with":"` + fmt.Sprint(call.Meta["progressToken"]) + `"}`
			return func(context.Context) mcp.Result { return c.Result([]byte(result)) }
		})
		if req := request(t, c); fmt.Sprint(req.ID.Raw()) != "0" {
			t.Errorf("got %v before the handshake", req.ID.Raw())
		}
		respond(t, c, request(t, c).ID, `{"protocolVersion":"2025-11-25"}`)
		want := []string{"11"}
		for id := range others {
			want = append(want, strings.Trim(strings.ReplaceAll(id, `\u0041`, "A"), `"`))
		}
		got := rest(t, c)
		slices.Sort(want)
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("the session got %q, want %q", got, want)
		}
		c.WaitCalls()
		for id, params := range direct {
			_, arguments, _ := strings.Cut(params, `"arguments":`)
			arguments, _, _ = strings.Cut(arguments, "}")
			if want := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"got":%s}`, id, arguments); !strings.Contains(out.String(), want) {
				t.Errorf("no %s in\n%s", want, out)
			}
		}
	})
}

// A host that ends the handshake before it has seen the answer is not slower for it.
func TestHastyHandshake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, there := io.Pipe()
		out := new(output)
		c := host.NewConn(in, out)
		t.Cleanup(func() { c.Close() })
		c.Answer(t.Context(), "mcp", all(func(context.Context, host.Call) mcp.Result { return c.Result([]byte(`{}`)) }))
		go io.WriteString(there, initialize+"\n"+initialized+"\n")
		hello, _ := request(t, c), request(t, c)
		respond(t, c, hello.ID, `{"protocolVersion":"2025-11-25"}`)
		go func() {
			io.WriteString(there, toolCall("1", `{"name":"mcp","arguments":{}}`)+"\n")
			there.Close()
		}()
		if got := rest(t, c); len(got) > 0 {
			t.Errorf("the session got %q", got)
		}
		c.WaitCalls()
		if !strings.Contains(out.String(), `"id":1,"result":{}`) {
			t.Errorf("got %s", out)
		}
	})
}

// Without a handshake, a call is direct once the SDK's session has taken a request
// that said the same of its protocol.
func TestModernCallsAreDirect(t *testing.T) {
	t.Parallel()
	const (
		modern = `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}`
		plain  = `{"name":"mcp","arguments":{},"_meta":{"progressToken":3,` + modern + `}}`
	)
	synctest.Test(t, func(t *testing.T) {
		c, out := connect(t,
			toolCall("1", plain),
			toolCall("2", plain),
			toolCall("3", strings.Replace(plain, "{}}}", `{},"io.modelcontextprotocol/logLevel":"debug"}}`, 1)),
			toolCall("4", `{"name":"mcp","arguments":{}}`),
			toolCall("5", strings.Replace(plain, "/protocol", `\/protocol`, 1)),
			toolCall("6", strings.Replace(plain, `{"progressToken":3,`, `{"x":[1],`, 1)),
		)
		c.Answer(t.Context(), "mcp", all(func(context.Context, host.Call) mcp.Result { return c.Result([]byte(`{}`)) }))
		first := request(t, c)
		respond(t, c, first.ID, `{}`)
		if got := rest(t, c); !slices.Equal(got, []string{"3", "4", "5"}) {
			t.Errorf("the session got %q", got)
		}
		c.WaitCalls()
		for _, id := range []string{"2", "6"} {
			if !strings.Contains(out.String(), `"id":`+id+`,"result":{}`) {
				t.Errorf("no answer to %s in %s", id, out)
			}
		}
	})
}

// A direct call ends when the host cancels it, and then gets no response.
func TestCancelledCallEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, out := connect(t, initialize, initialized, toolCall("1", `{"name":"mcp","arguments":{}}`), toolCall("1", `{"name":"mcp","arguments":{}}`),
			toolCall("2", `{"name":"mcp","arguments":{}}`), `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
		var ended []string
		c.Answer(t.Context(), "mcp", all(func(ctx context.Context, _ host.Call) mcp.Result {
			<-ctx.Done()
			ended = append(ended, ctx.Err().Error())
			return c.Result([]byte(`{}`))
		}))
		greet(t, c)
		if ids := rest(t, c); ids != nil { // the second of that id is dropped
			t.Errorf("the session got %q", ids)
		}
		c.WaitCalls() // for the other, which ends with the input
		if len(ended) != 2 || strings.Contains(out.String(), `"id":1,`) || !strings.Contains(out.String(), `{"jsonrpc":"2.0","id":2,"result":{}}`) {
			t.Errorf("ended %q, wrote %s", ended, out)
		}
	})
}

// An id that the host gives to another request, once it has cancelled a call, is
// that request's.
func TestIDOfACancelledCallIsFree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, out := connect(t, initialize, initialized, toolCall("5", `{"name":"mcp","arguments":{"n":1}}`),
			`{"jsonrpc":"2.0","id":5,"method":"ping"}`, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}`,
			`{"jsonrpc":"2.0","id":5,"method":"tools/list"}`, toolCall("6", `{"name":"mcp","arguments":{"n":2}}`),
			`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":6}}`, toolCall("6", `{"name":"mcp","arguments":{"n":3}}`))
		c.Answer(t.Context(), "mcp", all(func(ctx context.Context, call host.Call) mcp.Result {
			if !strings.Contains(string(call.Arguments), "3") {
				<-ctx.Done()
			}
			return c.Result([]byte(call.Arguments))
		}))
		greet(t, c)
		if req := request(t, c); req.Method != "notifications/cancelled" { // the ping has an id in use
			t.Errorf("got %s", req.Method)
		}
		respond(t, c, request(t, c).ID, `{"tools":[]}`)
		rest(t, c)
		c.WaitCalls()
		for _, want := range []string{`{"jsonrpc":"2.0","id":5,"result":{"tools":[]}}`, `{"jsonrpc":"2.0","id":6,"result":{"n":3}}`} {
			if strings.Count(out.String(), want) != 1 {
				t.Errorf("no %s in\n%s", want, out)
			}
		}
		if strings.Contains(out.String(), `{"n":1}`) || strings.Contains(out.String(), `{"n":2}`) {
			t.Errorf("cancelled calls were answered:\n%s", out)
		}
	})
}
