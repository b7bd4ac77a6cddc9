package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

var testClient = &mcp.Implementation{Name: "proxy", Version: "test"}

func newTest(t *testing.T, cfg Config) *Upstream {
	t.Helper()
	u := New("test", cfg, Options{Client: testClient})
	t.Cleanup(u.Close)
	return u
}

func call(t *testing.T, u *Upstream, c Call) (string, error) {
	t.Helper()
	var out json.RawMessage
	err := u.With(t.Context(), func(ctx context.Context, s *Session) (err error) {
		out, err = s.Call(ctx, c)
		return err
	})
	return string(out), err
}

func list(t *testing.T, u *Upstream) []json.RawMessage {
	t.Helper()
	var l ToolList
	err := u.With(t.Context(), func(ctx context.Context, s *Session) (err error) {
		l, err = s.ListTools(ctx)
		return err
	})
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	return l.Tools
}

func TestStdioBytesPassUnharmed(t *testing.T) {
	t.Parallel()
	u := newTest(t, testChild(t, "raw"))
	if tools := list(t, u); len(tools) != 1 || string(tools[0]) != rawTool {
		t.Errorf("descriptor\n got %s\nwant %s", tools, rawTool)
	}
	got, err := call(t, u, Call{Tool: "odd"})
	if err != nil || got != rawResult {
		t.Errorf("result (%v)\n got %s\nwant %s", err, got, rawResult)
	}
}

func TestHTTPBytesPassUnharmed(t *testing.T) {
	t.Parallel()
	for _, sse := range []bool{false, true} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var q struct {
				ID     json.RawMessage
				Method string
			}
			json.NewDecoder(r.Body).Decode(&q)
			result := map[string]string{
				"initialize": `{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"raw","version":"0"}}`,
				"tools/list": `{"tools":[` + rawTool + `]}`,
				"tools/call": rawResult,
			}[q.Method]
			switch {
			case r.Method != http.MethodPost:
				w.WriteHeader(http.StatusMethodNotAllowed)
			case q.ID == nil:
				w.WriteHeader(http.StatusAccepted)
			case result == "":
				w.WriteHeader(http.StatusBadRequest)
			case sse:
				w.Header().Set("Content-Type", "text/event-stream")
				w.Write([]byte(": hello\n\nid: 1\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":" + string(q.ID) + ",\ndata: \"result\":" + result + "}\n\n"))
			default:
				w.Header().Set("Content-Type", "application/json")
				w.Write([]byte(`{"jsonrpc":"2.0","id":` + string(q.ID) + `,"result":` + result + `}`))
			}
		}))
		t.Cleanup(srv.Close)
		u := newTest(t, Config{Type: HTTP, URL: srv.URL, Limits: DefaultLimits})
		if tools := list(t, u); len(tools) != 1 || string(tools[0]) != rawTool {
			t.Errorf("sse=%v: descriptor\n got %s\nwant %s", sse, tools, rawTool)
		}
		got, err := call(t, u, Call{Tool: "odd", Arguments: json.RawMessage(`{"n":12345678901234567890}`)})
		if err != nil || got != rawResult {
			t.Errorf("sse=%v: result (%v)\n got %s\nwant %s", sse, err, got, rawResult)
		}
	}
}

func TestProgressComesBeforeTheResult(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	u := newTest(t, testChild(t, "sdk"))
	if _, err := call(t, u, Call{Tool: "steps", Progress: func(json.RawMessage) { n.Add(1) }}); err != nil {
		t.Fatal(err)
	}
	if n.Load() != 3 {
		t.Errorf("%d progress notifications before the result, want 3", n.Load())
	}
}

func TestDeathInHandshakeIsExplained(t *testing.T) {
	t.Parallel()
	u := newTest(t, testChild(t, "die-in-handshake"))
	_, err := call(t, u, Call{Tool: "echo"})
	e, ok := errors.AsType[*StartError](err)
	if !ok {
		t.Fatalf("error %v, want a StartError", err)
	}
	if e.Stage != StageHandshake || e.ExitStatus != "exit status 3" || !strings.Contains(e.Stderr, "no such database") {
		t.Errorf("got %+v", e)
	}
	if s := u.State(); s.Status != Failed || s.Stage != StageHandshake {
		t.Errorf("state %+v", s)
	}
}

// A child that is stopped because it takes too long has no exit status.
func TestStartThatTakesTooLongIsATimeout(t *testing.T) {
	t.Parallel()
	cfg := testChild(t, "mute")
	cfg.StartTimeout = Duration(300 * time.Millisecond)
	_, err := call(t, newTest(t, cfg), Call{Tool: "echo"})
	e, isStart := errors.AsType[*StartError](err)
	timeout, isTimeout := errors.AsType[*TimeoutError](err)
	if !isStart || !isTimeout || timeout.After != time.Duration(cfg.StartTimeout) || e.ExitStatus != "" {
		t.Errorf("error %#v", err)
	}
}

func TestDeathInCallIsAnInterruption(t *testing.T) {
	t.Parallel()
	u := newTest(t, testChild(t, "sdk"))
	_, err := call(t, u, Call{Tool: "die"})
	e, ok := errors.AsType[*InterruptedError](err)
	if !ok || e.ExitStatus != "exit status 7" || !strings.Contains(e.Stderr, "out of cheese") {
		t.Fatalf("got %v, %+v", err, e)
	}
	if got, err := call(t, u, Call{Tool: "echo", Arguments: json.RawMessage(`{"text":"again"}`)}); err != nil || !strings.Contains(got, "again") {
		t.Errorf("the next call: %s, %v", got, err)
	}
}

func TestCallerThatGivesUpHarmsNobody(t *testing.T) {
	t.Parallel()
	u := newTest(t, testChild(t, "sdk"))
	if _, err := call(t, u, Call{Tool: "echo", Arguments: json.RawMessage(`{"text":"x"}`)}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := u.With(ctx, func(ctx context.Context, s *Session) error {
		_, err := s.Call(ctx, Call{Tool: "hang"})
		return err
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if got, err := call(t, u, Call{Tool: "echo", Arguments: json.RawMessage(`{"text":"same"}`)}); err != nil || !strings.Contains(got, "same") {
		t.Errorf("the next call: %s, %v", got, err)
	}
}

func TestGarbageAndFloodsAreSurvived(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"garbage", "flood"} {
		u := newTest(t, testChild(t, mode))
		if got, err := call(t, u, Call{Tool: "echo", Arguments: json.RawMessage(`{"text":"hi"}`)}); err != nil || !strings.Contains(got, "hi") {
			t.Errorf("%s: %s, %v", mode, got, err)
		}
	}
}

func TestIdleTimeoutNamesItself(t *testing.T) {
	t.Parallel()
	cfg := testChild(t, "sdk")
	cfg.CallTimeout = Duration(50 * time.Millisecond)
	u := newTest(t, cfg)
	_, err := call(t, u, Call{Tool: "hang"})
	if e, ok := errors.AsType[*TimeoutError](err); !ok || !e.Idle {
		t.Errorf("error %v, want an idle TimeoutError", err)
	}
}
