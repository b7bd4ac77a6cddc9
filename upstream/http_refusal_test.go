package upstream

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// unfinished answers with the beginning of a body, and keeps the connection open.
func unfinished(w http.ResponseWriter, r *http.Request, status int, media, body string) {
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Length", "100000")
	w.WriteHeader(status)
	io.WriteString(w, body)
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

// patient is a configuration with a guard against hanging as its only bound.
func patient(cfg Config) Config {
	cfg.WaitTimeout, cfg.StartTimeout, cfg.CallTimeout = Duration(time.Minute), Duration(time.Minute), Duration(time.Minute)
	return cfg
}

// The status and what has come of the body say enough, where that does not end.
func TestRefusalWithoutAnEndIsTold(t *testing.T) {
	t.Parallel()
	const rpc = `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no such page"}}`
	for name, c := range map[string]struct {
		method      string
		status      int
		media, body string
		want        string
	}{
		"401 at the start":        {"", 401, "text/plain", "who", "handshake: HTTP 401 Unauthorized: who"},
		"403 at the start":        {"", 403, "text/plain", "not in your plan", "handshake: HTTP 403 Forbidden: not in your plan"},
		"500 at the start":        {"", 500, "text/plain", "", "handshake: HTTP 500 Internal Server Error"},
		"307 at the start":        {"", 307, "text/plain", "there", "handshake: HTTP 307 Temporary Redirect: there"},
		"200 and a page":          {"", 200, "text/html", "<html>", "handshake: HTTP 200 OK with a web page"},
		"403 in words":            {"tools/call", 403, "text/plain", "not in your plan", "HTTP 403 Forbidden: not in your plan"},
		"500 with an error":       {"tools/call", 500, "application/json", rpc, "no such page"},
		"500, an event":           {"tools/call", 500, "text/event-stream", "data: " + rpc + "\n\n", "no such page"},
		"500, the second event":   {"tools/call", 500, "text/event-stream", "data: {\"jsonrpc\":\"2.0\",\"method\":\"m\"}\n\ndata: " + rpc + "\n\n", "no such page"},
		"500, an event in words":  {"tools/call", 500, "text/event-stream", "event: error\ndata: it broke\n\n", "HTTP 500 Internal Server Error: it broke"},
		"500, half an event":      {"tools/call", 500, "text/event-stream", "data: it bro", "HTTP 500 Internal Server Error: it bro"},
		"404, the second session": {"tools/call", 404, "text/plain", "no such page", "HTTP 404 Not Found: no such page"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeHTTP(t, func(w http.ResponseWriter, r *http.Request, m message) bool {
				if c.method == "" || m.Method == c.method {
					unfinished(w, r, c.status, c.media, c.body)
				}
				return c.method == "" || m.Method == c.method
			})
			f.session.Store("one")
			_, err := call(t, newTest(t, patient(httpConfig(f.URL))), Call{Tool: "odd"})
			if err == nil || err.Error() != c.want {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
	t.Run("the stream", func(t *testing.T) {
		t.Parallel()
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { unfinished(w, r, 401, "text/plain", "who") }))
		t.Cleanup(func() {
			srv.CloseClientConnections()
			srv.Close()
		})
		_, err := call(t, newTest(t, patient(Config{Type: SSE, URL: srv.URL, Limits: DefaultLimits})), Call{Tool: "odd"})
		if want := "handshake: HTTP 401 Unauthorized: who"; err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	})
	t.Run("a challenge", func(t *testing.T) {
		t.Parallel()
		f := newFakeHTTP(t, func(w http.ResponseWriter, r *http.Request, _ message) bool {
			w.Header().Set("WWW-Authenticate", "Bearer")
			unfinished(w, r, 401, "text/plain", "who")
			return true
		})
		u := New("test", patient(httpConfig(f.URL)), Options{Client: testClient, Authorize: &doorman{}})
		t.Cleanup(u.Close)
		if _, err := call(t, u, Call{Tool: "odd"}); !errors.Is(err, errLogin) {
			t.Errorf("error %v", err)
		}
	})
}

// net/http reads the body of a redirect before it follows it.
func TestRedirectWithoutAnEndIsFollowed(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/new" {
			http.Error(w, "no stream", http.StatusNotFound)
			return
		}
		w.Header().Set("Location", "/new")
		w.WriteHeader(http.StatusFound)
		io.WriteString(w, "there")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	_, err := call(t, newTest(t, patient(Config{Type: SSE, URL: srv.URL, Limits: DefaultLimits})), Call{Tool: "odd"})
	if want := "handshake: HTTP 404 Not Found: no stream"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// A JSON-RPC error in a refusal is the answer, however much is around it.
func TestLargeErrorInARefusalIsTold(t *testing.T) {
	t.Parallel()
	some := strings.Repeat("x", 2*maxRefusal)
	for name, body := range map[string]string{
		"data last":        `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no such page","data":"` + some + `"}}`,
		"data first":       `{"error":{"data":["` + some + `"],"message":"no such page","code":-32603},"id":1,"jsonrpc":"2.0"}`,
		"other members":    `{"jsonrpc":"2.0","x":"` + some + `","id":1,"error":{"code":-32603,"message":"no such page"}}`,
		"larger than read": `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no such page","data":"` + strings.Repeat("x", maxSmall) + `"}}`,
		"cut":              `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no such page","data":["x`,
	} {
		for _, media := range []string{"application/json", "text/plain", "text/event-stream"} {
			for _, method := range []string{"tools/call", ""} {
				t.Run(name+" "+media+" "+method, func(t *testing.T) {
					t.Parallel()
					text := body
					if media == "text/event-stream" {
						text = "data: " + body + "\n\n"
					}
					f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, m message) bool {
						if method != "" && m.Method != method {
							return false
						}
						w.Header().Set("Content-Type", media)
						w.WriteHeader(http.StatusInternalServerError)
						io.WriteString(w, text)
						return true
					})
					u := newTest(t, httpConfig(f.URL))
					for range 4 {
						_, err := call(t, u, Call{Tool: "odd"})
						e, ok := errors.AsType[*jsonrpc.Error](err)
						if !ok || e.Code != -32603 || e.Message != "no such page" || len(e.Data) > maxRefusal || e.Data != nil && !json.Valid(e.Data) {
							t.Fatalf("error %.200v", err)
						}
						if method == "" {
							return
						}
					}
					if s := u.State(); s.Status != Connected || s.Last != nil {
						t.Errorf("state %+v", s)
					}
				})
			}
		}
	}
}
