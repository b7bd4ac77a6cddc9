package host

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
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

// However many bytes must be replaced, which triples them, no copy is made.
func TestReplacedBytesAreNotHeld(t *testing.T) {
	in, _ := io.Pipe()
	read, write := io.Pipe()
	c := NewConn(in, write)
	defer c.Close()
	const size = 8 << 20
	bad := bytes.Repeat([]byte{0xff}, size)
	n := make(chan int)
	go func() {
		r, got := bufio.NewReaderSize(read, 256<<10), 0
		for {
			part, err := r.ReadSlice('\n')
			if got += len(part); err == nil {
				n <- got
				return
			}
		}
	}()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c.mu.Lock()
	c.send(outgoing{parts: [][]byte{bad}})
	c.mu.Unlock()
	if got := <-n; got != 3*size+1 {
		t.Errorf("%d bytes were written, want %d", got, 3*size+1)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > size/4 {
		t.Errorf("%d KiB were allocated", took>>10)
	}
}
