package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func TestLegacySSE(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return testServer() }, nil))
	t.Cleanup(srv.Close)
	u := newTest(t, Config{Type: SSE, URL: srv.URL, Limits: DefaultLimits})
	t.Cleanup(u.Close)
	for range 2 { // the stream must outlive the handshake
		if got, err := call(t, u, Call{Tool: "echo", Arguments: json.RawMessage(`{"text":"hi"}`)}); err != nil || !strings.Contains(got, "hi") {
			t.Errorf("%s, %v", got, err)
		}
	}
}

// What comes on the stream counts, whatever becomes of the POST.
func TestAnswerToAPostThatHangs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		post func(http.ResponseWriter, *http.Request, message, func(string))
		want string
	}{
		"hangs": {func(_ http.ResponseWriter, r *http.Request, m message, say func(string)) {
			say(`{"jsonrpc":"2.0","id":` + string(m.ID) + `,"result":{"content":[]}}`)
			<-r.Context().Done()
		}, `{"content":[]} <nil>`},
		"refused with an error": {func(w http.ResponseWriter, _ *http.Request, m message, _ func(string)) {
			refuse(w, m, http.StatusBadRequest, -32000)
		}, " no valid session"},
		"refused with a large error": {func(w http.ResponseWriter, _ *http.Request, m message, _ func(string)) {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprintf(w, `{"error":{"data":%q,"code":1,"message":"no such page"},"id":%s}`, strings.Repeat("x", 2*maxRefusal), m.ID)
		}, " no such page"},
		"refused in words": {func(w http.ResponseWriter, _ *http.Request, _ message, _ func(string)) {
			http.Error(w, "not now", http.StatusConflict)
		}, " HTTP 409 Conflict: not now"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := make(chan string, 10)
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					var m message
					json.NewDecoder(r.Body).Decode(&m)
					switch {
					case m.Method == "tools/call":
						c.post(w, r, m, func(line string) { lines <- line })
						return
					case m.Method == "initialize":
						lines <- `{"jsonrpc":"2.0","id":` + string(m.ID) + `,"result":{"protocolVersion":"2024-11-05","capabilities":{"tools":{}},"serverInfo":{"name":"x","version":"1"}}}`
					}
					w.WriteHeader(http.StatusAccepted)
					return
				}
				w.Header().Set("Content-Type", "text/event-stream")
				io.WriteString(w, "event: endpoint\ndata: /post\n\n")
				for {
					w.(http.Flusher).Flush()
					select {
					case line := <-lines:
						io.WriteString(w, "data: "+line+"\n\n")
					case <-r.Context().Done():
						return
					}
				}
			}))
			t.Cleanup(func() {
				srv.CloseClientConnections()
				srv.Close()
			})
			cfg := Config{Type: SSE, URL: srv.URL, Limits: DefaultLimits}
			cfg.CallTimeout = Duration(20 * time.Second)
			got, err := call(t, newTest(t, cfg), Call{Tool: "x"})
			if said := fmt.Sprint(got, " ", err); said != c.want {
				t.Errorf("got %s, want %s", said, c.want)
			}
		})
	}
}

func TestSSEEndpointElsewhereIsRefused(t *testing.T) {
	t.Parallel()
	other := newFakeHTTP(t, nil)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "event: endpoint\ndata: %s/take\n\n", other.URL)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(srv.Close)
	u := newTest(t, Config{Type: SSE, URL: srv.URL, Headers: map[string]string{"X-API-Key": "k1"}, Limits: DefaultLimits})
	t.Cleanup(u.Close)
	_, err := call(t, u, Call{Tool: "echo"})
	if !isA[*OriginError](err) || !isA[*StartError](err) {
		t.Errorf("error %v", err)
	}
	if other.count("initialize") != 0 {
		t.Error("a request reached another origin")
	}
}

func TestOldHTTPServersConnect(t *testing.T) {
	t.Parallel()
	for name, discover := range map[string]func(http.ResponseWriter, *http.Request){
		"hangs": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"hangs in stream": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"400 in words": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "what?", http.StatusBadRequest) },
		"500":          func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"200 and a page": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, "<p>Hello</p>")
		},
		"200 and no JSON": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, "{")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeHTTP(t, func(w http.ResponseWriter, r *http.Request, m message) bool {
				if m.Method == "server/discover" {
					discover(w, r)
					return true
				}
				return false
			})
			u := newTest(t, httpConfig(f.URL))
			t.Cleanup(u.Close)
			if got, err := call(t, u, Call{Tool: "odd"}); err != nil || got != rawResult {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
}

func TestRefusedStartNamesTheStatus(t *testing.T) {
	t.Parallel()
	f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, m message) bool {
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	_, err := call(t, newTest(t, httpConfig(f.URL)), Call{Tool: "odd"})
	if e, ok := errors.AsType[*StatusError](err); !ok || e.Code != 401 {
		t.Errorf("error %v", err)
	}
	f.Close()
	_, err = call(t, newTest(t, httpConfig(f.URL)), Call{Tool: "odd"})
	if e, ok := errors.AsType[*StartError](err); !ok || e.Stage != StageDial {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestNotificationStreamThatHangsHarmsNothing(t *testing.T) {
	t.Parallel()
	f := newFakeHTTP(t, func(_ http.ResponseWriter, r *http.Request, m message) bool {
		if m.Method == http.MethodGet {
			<-r.Context().Done()
		}
		return m.Method == http.MethodGet
	})
	cfg := httpConfig(f.URL)
	u := newTest(t, cfg)
	t.Cleanup(u.Close)
	if _, err := call(t, u, Call{Tool: "odd"}); err != nil {
		t.Error(err)
	}
}

func TestNotificationStreamIsOpenedAgain(t *testing.T) {
	t.Parallel()
	heard := make(chan struct{}, 1)
	var opened atomic.Int32
	f := newFakeHTTP(t, func(w http.ResponseWriter, r *http.Request, m message) bool {
		if m.Method != http.MethodGet {
			return false
		}
		w.Header().Set("Content-Type", "text/event-stream")
		if opened.Add(1) == 1 {
			return true // cut at once
		}
		io.WriteString(w, `data: [{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}]`+"\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	})
	u := New("test", httpConfig(f.URL), Options{Client: testClient, ToolsChanged: func() { heard <- struct{}{} }})
	t.Cleanup(u.Close)
	if _, err := call(t, u, Call{Tool: "odd"}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-heard:
	case <-time.After(time.Minute):
		t.Error("nothing was heard on the second stream")
	}
}

func TestModernHTTP(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return sharedServer() }, &mcp.StreamableHTTPOptions{Stateless: true}))
	t.Cleanup(srv.Close)
	heard := make(chan struct{}, 10)
	u := New("test", httpConfig(srv.URL), Options{Client: testClient, ToolsChanged: func() {
		select {
		case heard <- struct{}{}:
		default:
		}
	}})
	t.Cleanup(u.Close)
	if got, err := call(t, u, Call{Tool: "echo", Arguments: json.RawMessage(`{"text":"hi"}`)}); err != nil || !strings.Contains(got, "hi") {
		t.Fatalf("%s, %v", got, err)
	}
	u.With(t.Context(), func(_ context.Context, s *Session) error {
		if v := s.InitializeResult().ProtocolVersion; v != firstModern {
			t.Errorf("protocol version %s", v)
		}
		return nil
	})
	eventually(t, "a change of the tool list is heard", func() bool { // once the stream of notifications is open
		if _, err := call(t, u, Call{Tool: "grow"}); err != nil {
			t.Fatal(err)
		}
		return len(heard) > 0
	})
}

// sharedServer is one server for all requests, as a stateless service is.
var sharedServer = sync.OnceValue(testServer)
