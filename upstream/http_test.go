package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// A message is what a hand-written server reads of a request.
type message struct {
	ID     json.RawMessage
	Method string
	Params struct {
		Name            string
		Arguments       json.RawMessage
		Cursor          json.RawMessage
		ProtocolVersion string
	}
}

// A fakeHTTP answers Streamable HTTP requests by hand. before reports whether
// it answered a request itself.
type fakeHTTP struct {
	*httptest.Server
	before  func(w http.ResponseWriter, r *http.Request, m message) bool
	session atomic.Value // its id, a string; requests with another get 404

	mu   sync.Mutex
	seen []string // methods, in order
}

func newFakeHTTP(t *testing.T, before func(http.ResponseWriter, *http.Request, message) bool) *fakeHTTP {
	t.Helper()
	f := &fakeHTTP{before: before}
	f.session.Store("")
	f.Server = httptest.NewServer(f)
	t.Cleanup(func() {
		f.CloseClientConnections()
		f.Close()
	})
	return f
}

func (f *fakeHTTP) count(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, m := range f.seen {
		if m == method {
			n++
		}
	}
	return n
}

func (f *fakeHTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m message
	body, _ := io.ReadAll(r.Body)
	json.Unmarshal(body, &m)
	if m.Method == "" {
		m.Method = r.Method
	}
	f.mu.Lock()
	f.seen = append(f.seen, m.Method)
	f.mu.Unlock()
	id := f.session.Load().(string)
	switch {
	case f.before != nil && f.before(w, r, m):
	case r.Method == http.MethodGet:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case m.Method == "initialize":
		if id != "" {
			w.Header().Set("Mcp-Session-Id", id)
		}
		answer(w, m, `"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"fake","version":"0"}}`)
	case m.Method == "server/discover":
		answer(w, m, `"error":{"code":-32601,"message":"no such method"}`)
	case r.Header.Get("Mcp-Session-Id") != id:
		w.WriteHeader(http.StatusNotFound)
	case m.ID == nil:
		w.WriteHeader(http.StatusAccepted)
	case m.Method == "tools/list":
		answer(w, m, `"result":{"tools":[`+rawTool+`]}`)
	default:
		answer(w, m, `"result":`+rawResult)
	}
}

func answer(w http.ResponseWriter, m message, rest string) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,%s}`, m.ID, rest)
}

func httpConfig(url string) Config { return Config{Type: HTTP, URL: url, Limits: DefaultLimits} }

func TestHeadersAreSentAndRedirectsElsewhereRefused(t *testing.T) {
	t.Parallel()
	other := newFakeHTTP(t, nil)
	var mu sync.Mutex
	keys := map[string]bool{}
	moved := false
	f := newFakeHTTP(t, func(w http.ResponseWriter, r *http.Request, m message) bool {
		mu.Lock()
		defer mu.Unlock()
		keys[r.Header.Get("X-API-Key")] = true
		if moved {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		}
		return moved
	})
	cfg := httpConfig(f.URL)
	cfg.Headers = map[string]string{"X-API-Key": "k1"}
	u := newTest(t, cfg)
	list(t, u)
	mu.Lock()
	if len(keys) != 1 || !keys["k1"] {
		t.Errorf("the header's values were %v", keys)
	}
	moved = true
	mu.Unlock()
	_, err := call(t, u, Call{Tool: "odd"})
	if e, ok := errors.AsType[*OriginError](err); !ok || e.Got != other.URL || e.Want != f.URL {
		t.Errorf("redirected call: %v", err)
	}
	if n := other.count("tools/call"); n != 0 {
		t.Errorf("%d requests reached another origin", n)
	}
	moved2 := newTest(t, cfg)
	if _, err := call(t, moved2, Call{Tool: "odd"}); !isA[*OriginError](err) {
		t.Errorf("redirected start: %v", err)
	}
}

func TestServerRestartIsNotNoticed(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]func(http.ResponseWriter, message){
		"404":               func(w http.ResponseWriter, _ message) { w.WriteHeader(http.StatusNotFound) },
		"404 with an error": func(w http.ResponseWriter, m message) { refuse(w, m, http.StatusNotFound, -32001) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f *fakeHTTP
			f = newFakeHTTP(t, func(w http.ResponseWriter, r *http.Request, m message) bool {
				id := r.Header.Get("Mcp-Session-Id")
				if id == "" || id == f.session.Load() {
					return false
				}
				refuse(w, m)
				return true
			})
			f.session.Store("one")
			u := newTest(t, httpConfig(f.URL))
			list(t, u)
			f.session.Store("two")
			if got, err := call(t, u, Call{Tool: "odd"}); err != nil || got != rawResult {
				t.Errorf("%s, %v", got, err)
			}
			if s := u.State(); s.Last != nil || s.Breaker.State != "closed" {
				t.Errorf("state %+v", s)
			}
		})
	}
}

func refuse(w http.ResponseWriter, m message, status, code int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":"no valid session"}}`, m.ID, code)
}

// A lost session fails every call on it, but only the refused one did not run.
func TestLostSessionRepeatsNoRunningCall(t *testing.T) {
	t.Parallel()
	running := make(chan struct{})
	f := newFakeHTTP(t, func(w http.ResponseWriter, r *http.Request, m message) bool {
		if m.Method == "tools/call" && m.Params.Name == "slow" {
			w.Header().Set("Content-Type", "text/event-stream")
			w.(http.Flusher).Flush()
			close(running) // a second time would panic
			<-r.Context().Done()
			return true
		}
		return false
	})
	f.session.Store("one")
	u := newTest(t, httpConfig(f.URL))
	t.Cleanup(u.Close)
	slow := make(chan error, 1)
	list(t, u)
	go func() {
		_, err := call(t, u, Call{Tool: "slow"})
		slow <- err
	}()
	<-running
	f.session.Store("two")
	if _, err := call(t, u, Call{Tool: "odd"}); err != nil {
		t.Errorf("the refused call: %v", err)
	}
	if err := <-slow; !isA[*InterruptedError](err) {
		t.Errorf("the running call: %v", err)
	}
}

func TestListIsFollowedToABound(t *testing.T) {
	t.Parallel()
	pages := 0
	f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, m message) bool {
		if m.Method == "tools/list" {
			pages++
			answer(w, m, fmt.Sprintf(`"result":{"tools":[{"name":"t%d"}],"nextCursor":"%d","ttlMs":1500}`, pages, pages))
		}
		return m.Method == "tools/list"
	})
	u := newTest(t, httpConfig(f.URL))
	err := u.With(t.Context(), func(ctx context.Context, s *Session) error {
		l, err := s.ListTools(ctx)
		if !isA[*CutError](l.Err) || len(l.Tools) != maxPages || l.TTL != 1500*time.Millisecond {
			t.Errorf("%d tools, cut %v, fresh for %v", len(l.Tools), isA[*CutError](l.Err), l.TTL)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestCutStreamIsAnInterruption(t *testing.T) {
	t.Parallel()
	f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, m message) bool {
		if m.Method == "tools/call" {
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, ": nothing more\n\n")
			return true
		}
		return false
	})
	u := newTest(t, httpConfig(f.URL))
	for _, repeatable := range []bool{false, true} {
		before := f.count("tools/call")
		if _, err := call(t, u, Call{Tool: "odd", Repeatable: repeatable}); !isA[*InterruptedError](err) {
			t.Errorf("error %v", err)
		}
		want := 1
		if repeatable {
			want = 2
		}
		if n := f.count("tools/call") - before; n != want {
			t.Errorf("repeatable %v: %d requests, want %d", repeatable, n, want)
		}
	}
}

// A connection that breaks under a request looks to the SDK as if it had not
// been sent.
func TestBrokenConnectionIsAnInterruption(t *testing.T) {
	t.Parallel()
	f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, m message) bool {
		if m.Method == "tools/call" {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	u := newTest(t, httpConfig(f.URL))
	_, err := call(t, u, Call{Tool: "odd"})
	if !isA[*InterruptedError](err) || isA[*jsonrpc.Error](err) {
		t.Errorf("error %v", err)
	}
	if n := f.count("tools/call"); n != 1 {
		t.Errorf("sent %d times", n)
	}
}

func TestServerErrorIsAStatusError(t *testing.T) {
	t.Parallel()
	for _, code := range []int{401, 403, 418, 429, 500, 503} {
		f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, m message) bool {
			if m.Method == "tools/call" {
				w.WriteHeader(code)
			}
			return m.Method == "tools/call"
		})
		u := newTest(t, httpConfig(f.URL))
		_, err := call(t, u, Call{Tool: "odd"})
		e, ok := errors.AsType[*StatusError](err)
		if !ok || e.Code != code {
			t.Fatalf("%d: %v", code, err)
		}
		if isA[*jsonrpc.Error](e) {
			t.Errorf("%d: looks like an answer to the call", code)
		}
		if n := f.count("tools/call"); n != 1 {
			t.Errorf("%d: sent %d times", code, n)
		}
	}
}

func TestCallOverHTTPTimesOutAndIsCancelled(t *testing.T) {
	t.Parallel()
	cancelled := make(chan struct{}, 1)
	f := newFakeHTTP(t, func(w http.ResponseWriter, r *http.Request, m message) bool {
		switch m.Method {
		case "notifications/cancelled":
			select {
			case cancelled <- struct{}{}:
			default:
			}
		case "tools/call":
			if m.Params.Name == "slow" {
				<-r.Context().Done()
				return true
			}
		}
		return false
	})
	cfg := httpConfig(f.URL)
	cfg.CallTimeout = Duration(50 * time.Millisecond)
	u := newTest(t, cfg)
	_, err := call(t, u, Call{Tool: "slow"})
	if e, ok := errors.AsType[*TimeoutError](err); !ok || !e.Idle {
		t.Errorf("error %v", err)
	}
	select {
	case <-cancelled:
	case <-time.After(time.Minute):
		t.Error("the server was not told")
	}
	if got, err := call(t, u, Call{Tool: "odd"}); err != nil || got != rawResult {
		t.Errorf("the next call: %s, %v", got, err)
	}
	if f.count("initialize") != 1 {
		t.Error("the session did not survive")
	}
}
