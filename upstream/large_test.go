package upstream

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mcpproxy/upstream/child"
)

// largeServer answers a call with a line of as many bytes as its tool is named.
func largeServer() {
	r := bufio.NewScanner(os.Stdin)
	for r.Scan() {
		var q struct {
			ID     json.RawMessage
			Method string
			Params struct{ Name string }
		}
		json.Unmarshal(r.Bytes(), &q)
		switch {
		case q.Method == "initialize":
			fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"large","version":"0"}}}`+"\n", q.ID)
		case q.Method == "tools/call":
			head, tail := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"`, q.ID), `"}]}}`+"\n"
			n, _ := strconv.Atoi(q.Params.Name)
			io.WriteString(os.Stdout, head)
			piece := bytes.Repeat([]byte("x"), 1<<20)
			for left := n - len(head) - len(tail); left > 0; left -= len(piece) {
				os.Stdout.Write(piece[:min(left, len(piece))])
			}
			io.WriteString(os.Stdout, tail)
		case q.ID != nil:
			fmt.Printf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}`+"\n", q.ID)
		}
	}
}

// hugeKind names the variable with the message that a hugeServer writes too large.
const hugeKind = "UPSTREAM_TEST_HUGE"

// hugeServer answers as others do, but for one message of almost the largest
// size, of many small values. Each of these takes far more memory when decoded.
func hugeServer(kind string, r io.Reader, w io.Writer) {
	many := func(head, tail string) {
		io.WriteString(w, head+"[")
		piece := []byte(strings.Repeat("[{}],", 1<<16))
		for range (maxMessage - 1<<20) / len(piece) {
			w.Write(piece)
		}
		io.WriteString(w, "[]]"+tail+"\n")
	}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var q struct {
			ID     json.RawMessage
			Method string
		}
		json.Unmarshal(lines.Bytes(), &q)
		head := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,`, q.ID)
		greets := q.Method == "initialize" || q.Method == "server/discover"
		switch {
		case greets && largeMembers[kind] != "":
			fmt.Fprintf(w, head+`"result":{"protocolVersion":"2025-06-18","supportedVersions":["2026-07-28"],`+largeMembers[kind]+"}}\n", manyObjects)
			continue
		case q.Method == kind:
			many(head+`"result":{"protocolVersion":"2025-06-18","serverInfo":{"name":"huge","version":"0"},"capabilities":{"tools":{}},"x":`, "}}")
			continue
		case q.Method != "tools/call":
		case manyMessages[kind] != "":
			writeMany(w, manyMessages[kind])
		case kind == "notification":
			many(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":`, "}}")
		case kind == "request":
			many(`{"jsonrpc":"2.0","id":7,"method":"sampling/createMessage","params":{"messages":`, "}}")
		case kind == "error":
			many(head+`"error":{"code":-1,"message":"huge","data":`, "}}")
			continue
		case kind == "text":
			many(head+`"error":`, "}")
			continue
		case kind == "batch":
			many(`[{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":`, "}}]")
		}
		switch {
		case q.Method == "initialize":
			io.WriteString(w, head+`"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"huge","version":"0"}}}`+"\n")
		case q.Method == "tools/list":
			io.WriteString(w, head+`"result":{"tools":[]}}`+"\n")
		case q.Method == "tools/call":
			io.WriteString(w, head+`"result":{"content":[]}}`+"\n")
		case q.ID != nil && q.Method != "":
			io.WriteString(w, head+`"error":{"code":-32601,"message":"no"}}`+"\n")
		}
	}
}

// manyObjects are many small objects of almost as much as the SDK's session gets.
var manyObjects = "[" + strings.Repeat(`{"a":0},`, maxSmall/8-100) + "0]"

// largeMembers are members of an answer to initialize or server/discover, of which
// one is large.
var largeMembers = map[string]string{
	"experimental": `"capabilities":{"tools":{},"experimental":{"x":%s}}`,
	"extensions":   `"capabilities":{"tools":{},"extensions":{"x":%s}}`,
	"meta":         `"capabilities":{"tools":{}},"_meta":{"x":%s}`,
}

// manyMessages are heads of messages of which a hugeServer writes many before it
// answers a call, each with an id of its own. Those with params get almost as much
// in them as is looked at.
var manyMessages = map[string]string{
	"pings":      `{"jsonrpc":"2.0","id":%d,"method":"ping"`,
	"roots":      `{"jsonrpc":"2.0","id":"r%d","method":"roots/list"`,
	"largePings": `{"jsonrpc":"2.0","id":%d,"method":"ping","params":{"_meta":{"x":`,
	"changes":    `{"jsonrpc":"2.0","x":%d,"method":"notifications/tools/list_changed","params":{"_meta":{"x":`,
	"progress":   `{"jsonrpc":"2.0","method":"notifications\/progress","params":{"progressToken":%d,"_meta":{"x":`,
}

// writeMany writes many messages with that head, and reads nothing meanwhile.
func writeMany(w io.Writer, head string) {
	if strings.Contains(head, "params") {
		tail := manyObjects + "}}}\n"
		for i := range 20 {
			io.WriteString(w, fmt.Sprintf(head, i)+tail)
		}
		return
	}
	out := bufio.NewWriterSize(w, 1<<20)
	for i := range 40_000 {
		fmt.Fprintf(out, head+"}\n", i)
	}
	out.Flush()
}

// What is no answer to a call is bounded before it is decoded, by whatever
// transport it comes.
func TestHugeMessagesAreNotDecoded(t *testing.T) {
	t.Parallel()
	onLinux(t)
	if raced {
		t.Skip("the race detector takes memory of its own")
	}
	for kind, want := range map[string]string{
		"initialize": "handshake: a message of more than 4 MiB", "server/discover": "<nil>", "tools/list": "more than 16 MiB",
		"tools/call": "<nil>", "notification": "<nil>", "request": "<nil>", "error": "huge", "text": "[[{}]", "batch": "<nil>",
		"pings": "<nil>", "roots": "<nil>", "largePings": "<nil>", "changes": "<nil>", "progress": "<nil>",
		"experimental": "<nil>", "extensions": "<nil>", "meta": "<nil>",
	} {
		checkCosts(t, kind, "stdio:"+kind, want)
	}
	for kind, want := range map[string]string{
		"initialize": "more than 4 MiB", "notification": "<nil>", "largePings": "<nil>", "changes": "<nil>", "progress": "<nil>", "experimental": "<nil>",
	} {
		checkCosts(t, "SSE, "+kind, "sse:"+overSSE(t, func(r io.Reader, w io.Writer) { hugeServer(kind, r, w) }), want)
	}
}

// overSSE serves a program of lines as HTTP with SSE, and returns its URL.
func overSSE(t *testing.T, program func(io.Reader, io.Writer)) string {
	r, w := io.Pipe()
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPost {
			line, _ := io.ReadAll(req.Body)
			go w.Write(append(line, '\n')) // ends when it is read or with the server
			rw.WriteHeader(http.StatusAccepted)
			return
		}
		rw.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(rw, "event: endpoint\ndata: /post\n\n")
		rw.(http.Flusher).Flush()
		context.AfterFunc(req.Context(), func() { r.Close() })
		program(r, eventWriter{rw, new(bool)})
	}))
	t.Cleanup(func() {
		w.Close()
		srv.CloseClientConnections()
		srv.Close()
	})
	return srv.URL
}

// An eventWriter writes lines as server-sent events.
type eventWriter struct {
	http.ResponseWriter
	within *bool // an event
}

func (w eventWriter) Write(b []byte) (int, error) {
	if !*w.within {
		io.WriteString(w.ResponseWriter, "data: ")
	}
	*w.within = !bytes.HasSuffix(b, []byte("\n"))
	if n, err := w.ResponseWriter.Write(b); err != nil || *w.within {
		return n, err
	}
	_, err := io.WriteString(w.ResponseWriter, "\n")
	w.ResponseWriter.(http.Flusher).Flush()
	return len(b), err
}

// readLarge calls a large server three times, and prints the sizes of the results
// and the most memory that this process has had.
func readLarge() {
	exe, _ := os.Executable()
	cfg := Config{Type: Stdio, Config: child.Config{Command: exe, Env: map[string]string{childMode: "large", runMark: os.Getenv(runMark)}}, Limits: DefaultLimits}
	u := New("large", cfg, Options{Client: testClient})
	for range 3 {
		err := u.With(context.Background(), func(ctx context.Context, s *Session) error {
			result, err := s.Call(ctx, Call{Tool: strconv.Itoa(maxMessage)})
			fmt.Print(len(result)>>20, " ")
			return err
		})
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	u.Close()
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Println(strings.Fields(rest)[0])
}

// A message of the largest size is not buffered twice (DESIGN, section 6).
func TestLargeMessageTakesLittleMemory(t *testing.T) {
	t.Parallel()
	onLinux(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childMode+"=reader", runMark+"="+runID)
	out, err := cmd.Output()
	var sizes [3]int
	var peak int // KiB
	if n, _ := fmt.Sscan(string(out), &sizes[0], &sizes[1], &sizes[2], &peak); n != 4 {
		t.Fatalf("it said %q, %v", out, err)
	}
	t.Logf("results of %d MiB, peak memory %d MiB", sizes, peak>>10)
	if limit := 200; peak>>10 > limit && !raceDetector() {
		t.Errorf("peak memory %d MiB, at most %d MiB is allowed", peak>>10, limit)
	}
}

// raceDetector reports whether the race detector runs, which multiplies memory.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func TestTooLargeMessageEndsTheConnection(t *testing.T) {
	t.Parallel()
	cfg := testChild(t, "large")
	cfg.CallTimeout = Duration(time.Minute)
	u := newTest(t, cfg)
	_, err := call(t, u, Call{Tool: strconv.Itoa(maxMessage + 1<<20)})
	if !isA[*InterruptedError](err) || !strings.Contains(err.Error(), "64 MiB") {
		t.Errorf("error %v", err)
	}
}
