package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"golang.org/x/net/http2"

	"mcpproxy/upstream/httpfail/resettest"
)

// A call that the upstream took is never sent again, whatever becomes of its
// answer.
func TestTakenCallIsSentOnce(t *testing.T) {
	t.Parallel()
	cut := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "id: e1\nretry: 1\ndata:\n\n")
	}
	interrupted := func(err error) bool { return isA[*InterruptedError](err) && !isA[*jsonrpc.Error](err) }
	answered := func(err error) bool {
		e, ok := errors.AsType[*jsonrpc.Error](err)
		return ok && e.Code == -32000 && e.Message == "no valid session"
	}
	for name, c := range map[string]struct {
		call, resume func(http.ResponseWriter, message)
		want         func(error) bool
	}{
		"resumed after a restart": {
			func(w http.ResponseWriter, _ message) { cut(w) },
			func(w http.ResponseWriter, _ message) { w.WriteHeader(http.StatusNotFound) },
			interrupted,
		},
		"resumed after a restart, told so": {
			func(w http.ResponseWriter, _ message) { cut(w) },
			func(w http.ResponseWriter, _ message) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusNotFound)
				fmt.Fprint(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}`)
			},
			interrupted,
		},
		"resumption refused": {
			func(w http.ResponseWriter, _ message) { cut(w) },
			func(w http.ResponseWriter, _ message) { w.WriteHeader(http.StatusMethodNotAllowed) },
			interrupted,
		},
		"resumption answered in JSON": {
			func(w http.ResponseWriter, _ message) { cut(w) },
			func(w http.ResponseWriter, m message) {
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprint(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}`)
			},
			interrupted,
		},
		"resumption answered with a page": {
			func(w http.ResponseWriter, _ message) { cut(w) },
			func(w http.ResponseWriter, _ message) {
				w.Header().Set("Content-Type", "text/html")
				fmt.Fprint(w, "<html>")
			},
			interrupted,
		},
		"resumption led in a circle": {
			func(w http.ResponseWriter, _ message) { cut(w) },
			func(w http.ResponseWriter, _ message) {
				w.Header().Set("Location", "/")
				w.WriteHeader(http.StatusMovedPermanently)
			},
			interrupted,
		},
		"resumption led elsewhere": {
			func(w http.ResponseWriter, _ message) { cut(w) },
			func(w http.ResponseWriter, _ message) {
				w.Header().Set("Location", "http://other.example/mcp")
				w.WriteHeader(http.StatusTemporaryRedirect)
			},
			interrupted,
		},
		"resumption accepted": {
			func(w http.ResponseWriter, _ message) { cut(w) },
			func(w http.ResponseWriter, _ message) { w.WriteHeader(http.StatusAccepted) },
			interrupted,
		},
		"400 with an error": {
			func(w http.ResponseWriter, m message) { refuse(w, m, http.StatusBadRequest, -32000) },
			nil,
			answered,
		},
		"200 with an error": {
			func(w http.ResponseWriter, m message) { refuse(w, m, http.StatusOK, -32000) },
			nil,
			answered,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeHTTP(t, func(w http.ResponseWriter, r *http.Request, m message) bool {
				switch {
				case m.Method == "tools/call":
					c.call(w, m)
				case r.Header.Get("Last-Event-ID") != "":
					c.resume(w, m)
				default:
					return false
				}
				return true
			})
			f.session.Store("one")
			u := newTest(t, httpConfig(f.URL))
			if _, err := call(t, u, Call{Tool: "odd"}); !c.want(err) {
				t.Errorf("error %v", err)
			}
			if n := f.count("tools/call"); n != 1 {
				t.Errorf("sent %d times", n)
			}
			if n := f.count(http.MethodGet); n > maxRedirects+1 { // one is for notifications
				t.Errorf("%d requests to resume it", n-1)
			}
		})
	}
}

// A session that the upstream lost is begun anew, however it says so. A call
// is sent again only if it may run twice or was refused with 404.
func TestLostSessionIsBegunAnew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ status, code int }{
		"200 with an error":       {http.StatusOK, -32001},
		"400 with an error":       {http.StatusBadRequest, -32000},
		"400, an invalid request": {http.StatusBadRequest, jsonrpc.CodeInvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f *fakeHTTP
			f = newFakeHTTP(t, func(w http.ResponseWriter, r *http.Request, m message) bool {
				if id := r.Header.Get("Mcp-Session-Id"); m.ID == nil || id == "" || id == f.session.Load() {
					return false
				}
				refuse(w, m, c.status, c.code)
				return true
			})
			f.session.Store("one")
			u := newTest(t, httpConfig(f.URL))
			list(t, u)
			f.session.Store("two")
			list(t, u)
			f.session.Store("three")
			if got, err := call(t, u, Call{Tool: "odd", Repeatable: true}); err != nil || got != rawResult {
				t.Errorf("a call that may run twice: %s, %v", got, err)
			}
			f.session.Store("four")
			if _, err := call(t, u, Call{Tool: "odd"}); !isA[*jsonrpc.Error](err) || errors.Is(err, ErrNotSent) {
				t.Errorf("a call that may not: %v", err)
			}
			if got, err := call(t, u, Call{Tool: "odd"}); err != nil || got != rawResult {
				t.Errorf("the next call: %s, %v", got, err)
			}
			if n := f.count("initialize"); n != 4 {
				t.Errorf("%d sessions", n)
			}
			if s := u.State(); s.Last != nil || s.Breaker.State != Closed {
				t.Errorf("state %+v", s)
			}
		})
	}
}

// An error of a tool does not end the session, though it has the code by which
// other servers say that they lost it.
func TestErrorOfAToolKeepsTheSession(t *testing.T) {
	t.Parallel()
	f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, m message) bool {
		if m.Method == "tools/call" {
			refuse(w, m, http.StatusOK, -32001)
		}
		return m.Method == "tools/call"
	})
	f.session.Store("one")
	u := newTest(t, httpConfig(f.URL))
	for range 2 {
		if _, err := call(t, u, Call{Tool: "odd", Repeatable: true}); !isA[*jsonrpc.Error](err) {
			t.Errorf("error %v", err)
		}
	}
	if n := f.count("initialize"); n != 1 {
		t.Errorf("%d sessions", n)
	}
	if n := f.count("tools/call"); n != 2 {
		t.Errorf("%d calls", n)
	}
}

// A call leaves once over HTTP/2 too, where net/http sends again what a server resets.
func TestResetCallIsSentOnce(t *testing.T) {
	t.Parallel()
	server := resettest.New(t, http2.ErrCodeProtocol)
	transport, err := newTapTransport(t.Context(), httpConfig(server.URL), false, func(s string) string { return s })
	if err != nil {
		t.Fatal(err)
	}
	transport.base = server.Transport
	for _, method := range []string{"tools/call", "notifications/x"} {
		before := server.Taken()
		id := map[string]string{"tools/call": `,"id":1`}[method]
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, strings.NewReader(`{"jsonrpc":"2.0"`+id+`,"method":"`+method+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := transport.RoundTrip(req); err == nil {
			resp.Body.Close()
		}
		if n := server.Taken() - before; n != 1 {
			t.Errorf("%s left %d times", method, n)
		}
	}
}
