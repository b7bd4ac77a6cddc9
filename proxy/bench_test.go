package proxy

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"mcpproxy/upstream/raw"
)

// bulkServer answers each call with as many bytes of text as its tool is named,
// and takes as little time for that as it can.
func bulkServer(in io.Reader, out io.Writer) {
	lines := bufio.NewReaderSize(in, 64<<10)
	texts := map[string]string{}
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return
		}
		id := raw.Member(line, "id")
		if id == nil {
			continue
		}
		switch string(raw.Member(line, "method")) {
		case `"initialize"`:
			fmt.Fprintf(out, `{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"bulk","version":"1"}}}`+"\n", id)
		case `"tools/list"`:
			fmt.Fprintf(out, `{"jsonrpc":"2.0","id":%s,"result":{"tools":[`, id)
			for _, n := range bulkSizes {
				fmt.Fprintf(out, `{"name":"%d","inputSchema":{"type":"object","properties":{"text":{"type":"string"}}}},`, n)
			}
			io.WriteString(out, `{"name":"none","inputSchema":{"type":"object"}}]}}`+"\n")
		case `"tools/call"`:
			name := string(raw.Member(raw.Member(line, "params"), "name"))
			if texts[name] == "" {
				n, _ := strconv.Atoi(strings.Trim(name, `"`))
				texts[name] = `,"result":{"content":[{"type":"text","text":` + raw.Quote(strings.Repeat("some \"text\" ", n/12)) + `}]}}` + "\n"
			}
			io.WriteString(out, `{"jsonrpc":"2.0","id":`+string(id)+texts[name])
		default:
			fmt.Fprintf(out, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}`+"\n", id)
		}
	}
}

// bulkSizes are the sizes in bytes that are measured.
var bulkSizes = []int{12, 64 << 10, 1 << 20}

// bulk connects a session over pipes to a bulkServer. send sends a line and waits for
// the next one, and end ends the session.
func bulk(t testing.TB) (send func(line string), end func()) {
	s := childServer(t, "bulk", "bulk")
	s.Entry.MaxResultBytes = new(0)
	in, hostIn, _ := os.Pipe()
	hostOut, out, _ := os.Pipe()
	ended := make(chan error, 1)
	session := newTest(t, s)
	go func() { ended <- session.Serve(t.Context(), in, out) }()
	answers := bufio.NewReaderSize(hostOut, 1<<20)
	send = func(line string) {
		io.WriteString(hostIn, line+"\n")
		for {
			if _, err := answers.ReadSlice('\n'); err == nil {
				return
			} else if err != bufio.ErrBufferFull {
				t.Fatal(err)
			}
		}
	}
	send(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"b","version":"1"}}}`)
	io.WriteString(hostIn, `{"jsonrpc":"2.0","method":"notifications/initialized"}`+"\n")
	return send, func() {
		hostIn.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func bulkCall(n int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"mcp","arguments":{"action":"call","server":"bulk","tool":"%d","arguments":{"text":"hello"}}}}`, n)
}

// BenchmarkCall measures a call through a session, from the host's pipe to the
// upstream's and back, without the start of either. Its allocations are those of
// this process, the host's few included.
func BenchmarkCall(b *testing.B) {
	send, end := bulk(b)
	defer end()
	for _, n := range bulkSizes {
		call := bulkCall(n)
		send(call)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(n))
			for b.Loop() {
				send(call)
			}
		})
	}
}

// maxAllocs bounds the allocations of a small call, the host's one included. It has
// 74; a few more may be those of another goroutine.
const maxAllocs = 80

// A call allocates little, however large its result is. It does not run beside other
// tests, whose allocations would count.
func TestCallAllocatesLittle(t *testing.T) {
	if raceDetector {
		t.Skip("measures memory")
	}
	send, end := bulk(t)
	defer end()
	for _, n := range bulkSizes {
		call := bulkCall(n)
		send(call) // connects, and lists
		send(call)
		if got := testing.AllocsPerRun(200, func() { send(call) }); got > maxAllocs {
			t.Errorf("a result of %d bytes: %.0f allocations, at most %d are allowed", n, got, maxAllocs)
		}
	}
}
