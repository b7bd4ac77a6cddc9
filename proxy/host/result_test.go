package host

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

func TestResultsAreTakenOnce(t *testing.T) {
	t.Parallel()
	in, _ := io.Pipe()
	read, write := io.Pipe()
	c := NewConn(in, write)
	defer c.Close()
	out := bufio.NewReader(read)
	for id := range int64(3) {
		key, err := json.Marshal(c.Result(json.RawMessage("{}")))
		if err != nil {
			t.Fatal(err)
		}
		jid, err := jsonrpc.MakeID(float64(id))
		if err != nil {
			t.Fatal(err)
		}
		go c.Write(t.Context(), &jsonrpc.Response{ID: jid, Result: key})
		if line, err := out.ReadString('\n'); err != nil || line != fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":{}}`+"\n", id) {
			t.Errorf("got %q, %v", line, err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.results) != 0 {
		t.Errorf("%d results left", len(c.results))
	}
}
