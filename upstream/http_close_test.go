package upstream

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A mute answers what it must, and holds the POSTs that hold reports for as
// long as the client waits. On the stream of notifications it sends pings.
type mute struct {
	*httptest.Server
	hold  func(r *http.Request, m message) bool
	pings int // on each stream

	sse     bool         // speaks the transport of 2024-11-05
	open    atomic.Int64 // connections
	most    atomic.Int64
	held    atomic.Int64
	answers chan []byte // for the client, on the stream
}

func newMute(t *testing.T, sse bool, pings int, hold func(*http.Request, message) bool) *mute {
	t.Helper()
	m := &mute{sse: sse, pings: pings, hold: hold, answers: make(chan []byte, 100)}
	m.Server = httptest.NewUnstartedServer(m)
	m.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			n := m.open.Add(1)
			for most := m.most.Load(); n > most && !m.most.CompareAndSwap(most, n); most = m.most.Load() {
			}
		case http.StateClosed, http.StateHijacked:
			m.open.Add(-1)
		}
	}
	m.Start()
	t.Cleanup(func() {
		m.CloseClientConnections()
		m.Close()
	})
	return m
}

func (f *mute) config() Config {
	cfg := httpConfig(f.URL)
	if f.sse {
		cfg.Type = SSE
	}
	return cfg
}

func (f *mute) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var m message
	json.Unmarshal(body, &m)
	if f.hold(r, m) {
		f.held.Add(1)
		<-r.Context().Done()
		return
	}
	if r.Method == http.MethodGet {
		f.stream(w, r)
		return
	}
	w.Header().Set("Mcp-Session-Id", "one")
	result := rawResult
	switch {
	case m.ID == nil || m.Method == "":
		w.WriteHeader(http.StatusAccepted)
		return
	case m.Method == "initialize":
		result = `{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"mute","version":"0"}}`
	case m.Method == "server/discover":
		f.reply(w, fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}`, m.ID))
		return
	}
	f.reply(w, fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result))
}

func (f *mute) reply(w http.ResponseWriter, data []byte) {
	if f.sse {
		w.WriteHeader(http.StatusAccepted)
		f.answers <- data
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(data)
}

func (f *mute) stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	if f.sse {
		fmt.Fprint(w, "event: endpoint\ndata: /\n\n")
	}
	for i := range f.pings {
		fmt.Fprintf(w, "data: {\"jsonrpc\":\"2.0\",\"id\":\"p%d\",\"method\":\"ping\"}\n\n", i)
	}
	w.(http.Flusher).Flush()
	for {
		select {
		case data := <-f.answers:
			fmt.Fprintf(w, "data: %s\n\n", data)
			w.(http.Flusher).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

// closes fails if u is not closed within a minute.
func closes(t *testing.T, u *Upstream) {
	t.Helper()
	start := time.Now()
	closed := make(chan struct{})
	go func() {
		u.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(time.Minute):
		buf := make([]byte, 1<<20)
		t.Fatalf("not closed after %v:\n%s", time.Since(start), buf[:runtime.Stack(buf, true)])
	}
	t.Logf("closed after %v", time.Since(start).Round(time.Millisecond))
}

func TestUnansweredPostHoldsUpNothing(t *testing.T) {
	t.Parallel()
	reply := func(r *http.Request, m message) bool { return r.Method == http.MethodPost && m.Method == "" }
	notice := func(_ *http.Request, m message) bool { return strings.HasPrefix(m.Method, "notifications/") }
	for name, c := range map[string]struct {
		sse  bool
		hold func(*http.Request, message) bool
	}{
		"reply":       {false, reply},
		"reply, sse":  {true, reply},
		"notice":      {false, notice},
		"notice, sse": {true, notice},
		"DELETE":      {false, func(r *http.Request, _ message) bool { return r.Method == http.MethodDelete }},
		"all but calls": {false, func(r *http.Request, m message) bool {
			return reply(r, m) || notice(r, m) || r.Method == http.MethodDelete
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newMute(t, c.sse, 200, c.hold)
			u := newTest(t, f.config())
			if got, err := call(t, u, Call{Tool: "odd"}); err != nil || got != rawResult {
				t.Errorf("%s, %v", got, err)
			}
			if !strings.HasPrefix(name, "DELETE") {
				eventually(t, "the POST that is held", func() bool { return f.held.Load() > 0 })
			}
			closes(t, u)
		})
	}
}

// What an upstream asks of us takes a bounded number of connections, and no
// other upstream suffers.
func TestFloodOfRequestsIsBounded(t *testing.T) {
	t.Parallel()
	for _, sse := range []bool{false, true} {
		t.Run(fmt.Sprint("sse ", sse), func(t *testing.T) {
			t.Parallel()
			f := newMute(t, sse, 20_000, func(r *http.Request, m message) bool { return r.Method == http.MethodPost && m.Method == "" })
			u := newTest(t, patient(f.config()))
			if got, err := call(t, u, Call{Tool: "odd"}); err != nil || got != rawResult {
				t.Errorf("%s, %v", got, err)
			}
			eventually(t, "replies", func() bool { return f.held.Load() >= maxReplies })
			if got, err := call(t, u, Call{Tool: "odd"}); err != nil || got != rawResult {
				t.Errorf("a later call: %s, %v", got, err)
			}
			other := newTest(t, httpConfig(newFakeHTTP(t, nil).URL))
			if _, err := call(t, other, Call{Tool: "odd"}); err != nil {
				t.Errorf("another upstream: %v", err)
			}
			if n := f.most.Load(); n > 2*maxReplies {
				t.Errorf("%d connections at once", n)
			}
			closes(t, u)
			t.Logf("20,000 pings: %d connections at once, bound %d", f.most.Load(), 2*maxReplies)
		})
	}
}
