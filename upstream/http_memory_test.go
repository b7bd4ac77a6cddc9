package upstream

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"mcpproxy/upstream/child"
)

// Bounds of what one upstream may cost (DESIGN, section 6).
const (
	maxPeak = 200 << 20              // bytes of memory, of the whole process
	maxSlow = 500 * time.Millisecond // more, for a call of another upstream; printed, not asserted
)

// zipped compresses before, n bytes of fill, and after.
func zipped(before string, n int, after string) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	io.WriteString(w, before)
	chunk := bytes.Repeat([]byte("x"), 1<<20)
	for ; n > 0; n -= len(chunk) {
		w.Write(chunk[:min(n, len(chunk))])
	}
	io.WriteString(w, after)
	w.Close()
	return b.Bytes()
}

// noteMany writes many messages as events, and returns what writes more.
func noteMany(w http.ResponseWriter, kind string) io.Writer {
	w.Header().Set("Content-Type", "text/event-stream")
	e := eventWriter{w, new(bool)}
	writeMany(e, manyMessages[kind])
	return e
}

// before answers a call after many messages of that kind.
func before(kind string) func(http.ResponseWriter, message) bool {
	return func(w http.ResponseWriter, m message) bool {
		fmt.Fprintf(noteMany(w, kind), `{"jsonrpc":"2.0","id":%s,"result":{}}`+"\n", m.ID)
		return true
	}
}

// beside writes many messages of that kind on a stream that belongs to no call.
func beside(kind string) func(http.ResponseWriter, message) bool {
	return func(w http.ResponseWriter, _ message) bool {
		noteMany(w, kind)
		return true
	}
}

// greetLarge answers initialize or server/discover.
func greetLarge(w http.ResponseWriter, m message) bool {
	answer(w, m, `"result":{"protocolVersion":"2025-06-18","supportedVersions":["2026-07-28"],`+fmt.Sprintf(largeMembers["experimental"], manyObjects)+"}")
	return true
}

// An upstream over HTTP can neither take much memory nor slow another one.
func TestLargeAnswersAreBounded(t *testing.T) {
	onLinux(t)
	if raced {
		t.Skip("the race detector takes memory of its own")
	}
	bomb := zipped(`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"`, 1<<30, `"}]}}`)
	large := func(m message) []byte {
		return zipped(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"`, m.ID), maxMessage-1000, `"}]}}`)
	}
	event := zipped("data: ", 1<<30, "\n\n")
	send := func(w http.ResponseWriter, status int, media string, body []byte) bool {
		w.Header().Set("Content-Type", media)
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(status)
		w.Write(body)
		return true
	}
	for _, c := range []struct {
		name, method string
		answer       func(w http.ResponseWriter, m message) bool
		want         string // in what the child says
	}{
		{"initialize", "initialize", func(w http.ResponseWriter, _ message) bool { return send(w, 200, "application/json", bomb) }, "more than 4 MiB"},
		{"initialize, an event", "initialize", func(w http.ResponseWriter, _ message) bool { return send(w, 200, "text/event-stream", event) }, "more than 4 MiB"},
		{"refusal", "tools/call", func(w http.ResponseWriter, _ message) bool { return send(w, 400, "application/json", bomb) }, "HTTP 400"},
		{"answer", "tools/call", func(w http.ResponseWriter, _ message) bool { return send(w, 200, "application/json", bomb) }, "more than 64 MiB"},
		{"event", "tools/call", func(w http.ResponseWriter, _ message) bool { return send(w, 200, "text/event-stream", event) }, "more than 64 MiB"},
		{"largest answer", "tools/call", func(w http.ResponseWriter, m message) bool { return send(w, 200, "application/json", large(m)) }, "<nil>"},
		{"largest event", "tools/call", func(w http.ResponseWriter, m message) bool {
			return send(w, 200, "text/event-stream", zipped(fmt.Sprintf("data: {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"text\":\"", m.ID), maxMessage-1000, "\"}}\n\n"))
		}, "<nil>"},
		{"notification", http.MethodGet, func(w http.ResponseWriter, _ message) bool { return send(w, 200, "text/event-stream", event) }, "<nil>"},
		{"list", "tools/list", func(w http.ResponseWriter, m message) bool {
			return send(w, 200, "application/json", zipped(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"nextCursor":"%d","tools":[{"name":"a","x-mcp-header":{},"description":"`, m.ID, time.Now().UnixNano()), 4<<20, `"}]}}`))
		}, "<nil>"},
		{"large capabilities", "initialize", greetLarge, "<nil>"},
		{"large capabilities, discovered", "server/discover", greetLarge, "<nil>"},
		{"large pings before an answer", "tools/call", before("largePings"), "<nil>"},
		{"large notifications before an answer", "tools/call", before("changes"), "<nil>"},
		{"large progress before an answer", "tools/call", before("progress"), "<nil>"},
		{"large pings", http.MethodGet, beside("largePings"), "<nil>"},
		{"large notifications", http.MethodGet, beside("changes"), "<nil>"},
		{"page", "tools/list", func(w http.ResponseWriter, _ message) bool { return send(w, 200, "application/json", bomb) }, "more than 16 MiB"},
	} {
		f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, m message) bool {
			return m.Method == c.method && c.answer(w, m)
		})
		checkCosts(t, c.name, f.URL, c.want)
	}
}

// checkCosts lets another process list and call that upstream, and checks what
// it took. want is a part of what comes of it.
func checkCosts(t *testing.T, name, what, want string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childMode+"=measure", runMark+"="+runID, measured+"="+what+" "+newFakeHTTP(t, nil).URL)
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
	var got costs
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
	t.Logf("%s: %s in %v; peak %d MiB (bound %d), another upstream at most %v (bound %v)",
		name, got.Outcome, got.Took, got.Peak>>20, maxPeak>>20, got.Slowest, maxSlow)
	if got.Peak > maxPeak*5/4 { // on a busy machine the collector comes later
		t.Errorf("%s: peak memory %d MiB", name, got.Peak>>20)
	}
	if !strings.Contains(got.Outcome, want) {
		t.Errorf("%s: outcome %s, want %s", name, got.Outcome, want)
	}
}

// measured names the variable with the upstream to measure and the URL of
// another. The one to measure is a URL, one after "sse:" or a kind of
// hugeServer after "stdio:".
const measured = "UPSTREAM_TEST_MEASURED"

func measuredConfig(what string) Config {
	if kind, ok := strings.CutPrefix(what, "stdio:"); ok {
		exe, _ := os.Executable()
		env := map[string]string{childMode: "huge", hugeKind: kind, runMark: os.Getenv(runMark)}
		return Config{Type: Stdio, Config: child.Config{Command: exe, Env: env}, Limits: DefaultLimits}
	}
	if url, ok := strings.CutPrefix(what, "sse:"); ok {
		return Config{Type: SSE, URL: url, Limits: DefaultLimits}
	}
	return httpConfig(what)
}

type costs struct {
	Outcome       string
	Took, Slowest time.Duration
	Peak          int // bytes
}

// measureCosts is a proxy in small, that lists and calls one upstream, and another
// meanwhile.
func measureCosts() {
	urls := strings.Fields(os.Getenv(measured))
	one := New("one", measuredConfig(urls[0]), Options{Client: testClient})
	two := New("two", httpConfig(urls[1]), Options{Client: testClient})
	ask := func(u *Upstream) (string, error) {
		size := 0
		err := u.With(context.Background(), func(ctx context.Context, s *Session) error {
			l, err := s.ListTools(ctx)
			if err != nil {
				return err
			}
			r, err := s.Call(ctx, Call{Tool: "odd"})
			size = len(r) + len(l.Tools)
			return err
		})
		return fmt.Sprint(size, " bytes: ", err), err
	}
	if _, err := ask(two); err != nil {
		panic(err)
	}
	var m costs
	done := make(chan struct{})
	start := time.Now()
	go func() {
		m.Outcome, _ = ask(one)
		m.Took = time.Since(start)
		if one.State().Status == Connected {
			<-time.After(500 * time.Millisecond) // the stream of notifications
		}
		close(done)
	}()
	for waiting := true; waiting; {
		start := time.Now()
		ask(two)
		m.Slowest = max(m.Slowest, time.Since(start))
		select {
		case <-done:
			waiting = false
		default:
		}
	}
	one.Close()
	status, _ := os.ReadFile("/proc/self/status")
	_, after, _ := bytes.Cut(status, []byte("VmHWM:"))
	fmt.Sscan(string(after), &m.Peak)
	m.Peak <<= 10
	json.NewEncoder(os.Stdout).Encode(m)
}

// pages is a sender that answers each request for a list with the next page.
type pages func(n int) json.RawMessage

func (p pages) send(_ context.Context, r rawRequest) (json.RawMessage, error) {
	n := 0
	if r.cursor != nil {
		n, _ = strconv.Atoi(*r.cursor)
	}
	return p(n), nil
}

// A list is bounded as a whole, by whatever transport it comes.
func TestSumOfAListIsBounded(t *testing.T) {
	t.Parallel()
	page := func(n, size int) json.RawMessage {
		return fmt.Appendf(nil, `{"tools":[{"name":"t%d","description":%q}],"nextCursor":"%d"}`, n, strings.Repeat("x", size), n+1)
	}
	s := &Session{sender: pages(func(n int) json.RawMessage { return page(n, 5<<20) })}
	l, err := s.ListTools(t.Context())
	if err != nil || !isA[*CutError](l.Err) || len(l.Tools) != 3 {
		t.Errorf("%d tools, cut %v, %v", len(l.Tools), isA[*CutError](l.Err), err)
	}
	many := `{"tools":[` + strings.TrimSuffix(strings.Repeat(`{"name":"%d"},`, 3000), ",") + `],"nextCursor":"%d"}`
	s = &Session{sender: pages(func(n int) json.RawMessage {
		ids := make([]any, 3001)
		for i := range ids {
			ids[i] = 3000*n + i
		}
		ids[3000] = n + 1
		return fmt.Appendf(nil, many, ids...)
	})}
	if l, err := s.ListTools(t.Context()); err != nil || !isA[*CutError](l.Err) || len(l.Tools) != maxTools {
		t.Errorf("%d tools, %v, %v", len(l.Tools), l.Err, err)
	}
	s = &Session{sender: pages(func(n int) json.RawMessage { return page(n, 17<<20) })}
	if l, err := s.ListTools(t.Context()); !isA[*SizeError](err) {
		t.Errorf("%d tools, %v", len(l.Tools), err)
	}
}
