package host_test

import (
	"bufio"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/proxy/host"
)

// What is written at the same time is not mixed, be it small or large.
func TestLinesAreKeptApart(t *testing.T) {
	t.Parallel()
	c, out := connect(t)
	large, err := json.Marshal(strings.Repeat("x", 100<<10))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for _, params := range []string{`{}`, `{"progressToken":0,"message":` + string(large) + `}`} {
		all.Go(func() {
			for range 10 {
				if err := c.Write(t.Context(), &jsonrpc.Request{Method: "note", Params: json.RawMessage(params)}); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			p := c.Progress("token")
			defer p.Close()
			for range 10 {
				p.Add(json.RawMessage(`{"progressToken":0,"message":` + string(large) + `}`))
			}
		})
	}
	all.Wait()
	c.Flush(t)
	lines := bufio.NewScanner(strings.NewReader(out.String()))
	lines.Buffer(nil, 1<<20)
	n := 0
	for ; lines.Scan(); n++ {
		if !json.Valid(lines.Bytes()) {
			t.Fatalf("not one message: %.100s", lines.Text())
		}
	}
	if n != 40 {
		t.Errorf("%d lines", n)
	}
}

// A host that does not read cannot hold up an upstream, and gets the newest
// progress when it reads again.
func TestProgressNeverWaitsForTheHost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, _ := io.Pipe()
		read, write := io.Pipe()
		c := host.NewConn(in, write)
		defer c.Close()
		p := c.Progress(7)
		const total = 200
		for i := range total {
			p.Add(json.RawMessage(`{"progressToken":"theirs","progress":` + strconv.Itoa(i) + `.50}`))
		}
		p.Add(json.RawMessage(`{"progress":1}`)) // no token: nobody could tell what it is about
		go func() {
			p.Close()
			c.Flush(t)
			write.Close()
		}()
		all, err := io.ReadAll(read)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(string(all), "\n"), "\n")
		const last = `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":199.50}}`
		if got := lines[len(lines)-1]; got != last || len(lines) >= total {
			t.Errorf("%d lines, the last %s", len(lines), got)
		}
	})
}

// A Conn is a transport for the SDK's server.
var (
	_ mcp.Transport  = (*host.Conn)(nil)
	_ mcp.Connection = (*host.Conn)(nil)
)

// The SDK reads only so many levels, and a model can mend what it is told.
func TestMessageNestedTooDeeply(t *testing.T) {
	t.Parallel()
	for _, levels := range []int{1001, 5000, 20_000} {
		const want = `{"jsonrpc":"2.0","id":"a","error":{"code":-32600,"message":"the message is nested too deeply"}}` + "\n"
		c, out := connect(t, `{"jsonrpc":"2.0","id":"a","method":"ping","params":{"x":`+strings.Repeat("[", levels)+strings.Repeat("]", levels)+`}}`)
		serve(t, c)
		if got := out.String(); got != want {
			t.Errorf("%d levels: %.200s", levels, got)
		}
	}
}

// The host gets UTF-8 whatever an upstream sent.
func TestBytesThatAreNotUTF8AreReplaced(t *testing.T) {
	t.Parallel()
	c, out := connect(t, `{"jsonrpc":"2.0","id":1,"method":"a"}`)
	req := request(t, c)
	p := c.Progress(7)
	p.Add(json.RawMessage("{\"progressToken\":1,\"message\":\"\xff\xfeé\"}"))
	p.Close()
	relay(t, c, req.ID, "{\"content\":[{\"text\":\"\xc3(\xed\xa0\x80\"}]}")
	const want = `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"message":"` + "\ufffd\ufffdé" + `"}}` + "\n" +
		`{"jsonrpc":"2.0","id":1,"result":{"content":[{"text":"` + "\ufffd(\ufffd\ufffd\ufffd" + `"}]}}` + "\n"
	if got := out.String(); got != want {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
}
