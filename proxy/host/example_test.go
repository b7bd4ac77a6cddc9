package host_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy/proxy/host"
)

// stdout is the output to the host, which the example does not close.
type stdout struct{ io.Writer }

func (stdout) Close() error { return nil }

// A call is answered with the bytes of an upstream, after its progress under
// the host's own token.
func ExampleConn() {
	in := io.NopCloser(strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call"}`))
	conn := host.NewConn(in, stdout{os.Stdout})
	defer conn.Close()
	msg, err := conn.Read(context.Background())
	if err != nil {
		panic(err)
	}

	progress := conn.Progress("host-7")
	progress.Add(json.RawMessage(`{"progressToken":1,"progress":0.50,"extra":true}`))
	progress.Close()

	// The SDK marshals the result and writes the response.
	result, err := json.Marshal(conn.Result(json.RawMessage(`{"content":[], "n":12345678901234567890}`)))
	if err != nil {
		panic(err)
	}
	response := &jsonrpc.Response{ID: msg.(*jsonrpc.Request).ID, Result: result}
	if err := conn.Write(context.Background(), response); err != nil {
		panic(err)
	}
	// At the end of the input everything that was written has left.
	if _, err := conn.Read(context.Background()); err != io.EOF {
		panic(err)
	}
	// Output:
	// {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"host-7","progress":0.50,"extra":true}}
	// {"jsonrpc":"2.0","id":1,"result":{"content":[], "n":12345678901234567890}}
}
