package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func TestRedirectOfAPost(t *testing.T) {
	t.Parallel()
	for _, status := range []int{300, 301, 302, 303, 307, 308} {
		for _, method := range []string{"tools/call", ""} {
			t.Run(fmt.Sprint(status, " ", method), func(t *testing.T) {
				t.Parallel()
				f := newFakeHTTP(t, func(w http.ResponseWriter, r *http.Request, m message) bool {
					if r.URL.Path == "/new/" || method != "" && m.Method != method {
						return false
					}
					http.Redirect(w, r, "/new/?token=sesame", status)
					return true
				})
				u := newTest(t, httpConfig(f.URL))
				start := time.Now()
				got, err := call(t, u, Call{Tool: "odd"})
				if status >= 307 {
					if err != nil || got != rawResult {
						t.Errorf("%s, %v", got, err)
					}
					return
				}
				e, ok := errors.AsType[*RedirectError](err)
				if !ok || e.Code != status || e.To != f.URL+"/new/" || isA[*InterruptedError](err) {
					t.Errorf("error %v after %v", err, time.Since(start))
				}
				if n := f.count(http.MethodGet); method == "" && n > 0 {
					t.Errorf("%d requests turned into GET", n)
				}
			})
		}
	}
}

func TestRedirectToNowhereIsNamed(t *testing.T) {
	t.Parallel()
	for _, location := range []string{"", "http://[::bad"} {
		f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, _ message) bool {
			w.Header()["Location"] = []string{location}
			w.WriteHeader(http.StatusFound)
			return true
		})
		_, err := call(t, newTest(t, httpConfig(f.URL)), Call{Tool: "odd"})
		if want := "handshake: HTTP 302 Found, a redirect that does not say where"; err == nil || err.Error() != want {
			t.Errorf("error %v", err)
		}
	}
}

// A status that is none of a redirect leads nowhere, though it has a Location.
func TestStatusWithALocationIsNamed(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"tools/call", ""} {
		f := newFakeHTTP(t, func(w http.ResponseWriter, r *http.Request, m message) bool {
			if method != "" && m.Method != method {
				return false
			}
			http.Redirect(w, r, "/new/", http.StatusNotModified)
			return true
		})
		u := newTest(t, httpConfig(f.URL))
		_, err := call(t, u, Call{Tool: "odd"})
		e, ok := errors.AsType[*StatusError](err)
		if !ok || e.Error() != "HTTP 304 Not Modified" || isA[*InterruptedError](err) {
			t.Errorf("%q: error %v", method, err)
		}
		if n := f.count("initialize"); method != "" && n != 1 {
			t.Errorf("%d sessions", n)
		}
	}
}

// Nobody needs the answer to a notification.
func TestNotificationWithoutARealAnswer(t *testing.T) {
	t.Parallel()
	for _, status := range []int{300, 304} {
		f := newFakeHTTP(t, func(w http.ResponseWriter, r *http.Request, m message) bool {
			if m.Method == "notifications/initialized" {
				http.Redirect(w, r, "/new/", status)
			}
			return m.Method == "notifications/initialized"
		})
		if got, err := call(t, newTest(t, httpConfig(f.URL)), Call{Tool: "odd"}); err != nil || got != rawResult {
			t.Errorf("%d: %s, %v", status, got, err)
		}
	}
}

func TestStreamWithAChoiceIsNamed(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/new/?token=sesame", http.StatusMultipleChoices)
	}))
	t.Cleanup(srv.Close)
	_, err := call(t, newTest(t, Config{Type: SSE, URL: srv.URL, Limits: DefaultLimits}), Call{Tool: "odd"})
	if e, ok := errors.AsType[*RedirectError](err); !ok || e.To != srv.URL+"/new/" || isA[*StatusError](err) {
		t.Errorf("error %v", err)
	}
}

func TestRedirectOfAPostElsewhereIsNamed(t *testing.T) {
	t.Parallel()
	f := newFakeHTTP(t, func(w http.ResponseWriter, r *http.Request, _ message) bool {
		http.Redirect(w, r, "https://other.example/mcp", http.StatusMovedPermanently)
		return true
	})
	_, err := call(t, newTest(t, httpConfig(f.URL)), Call{Tool: "odd"})
	if e, ok := errors.AsType[*RedirectError](err); !ok || e.To != "https://other.example/mcp" {
		t.Errorf("error %v", err)
	}
}

// A redirect that keeps the POST is not followed to another origin, whenever it
// comes, and is told without what the SDK says around it.
func TestOtherOriginIsNamed(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"tools/call", ""} {
		f := newFakeHTTP(t, func(w http.ResponseWriter, r *http.Request, m message) bool {
			if method != "" && m.Method != method {
				return false
			}
			http.Redirect(w, r, "https://other.example/mcp?token=sesame", http.StatusTemporaryRedirect)
			return true
		})
		_, err := call(t, newTest(t, httpConfig(f.URL)), Call{Tool: "odd"})
		e, ok := errors.AsType[*OriginError](err)
		if !ok || e.Got != "https://other.example:443" || isA[*InterruptedError](err) || !strings.HasSuffix(err.Error(), e.Error()) || strings.Contains(err.Error(), "calling") {
			t.Errorf("%q: error %v", method, err)
		}
	}
}

// The URL that a redirect leads to may hold a secret.
func TestURLOfARedirectIsNotTold(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"tools/call", "tools/list", ""} {
		f := newFakeHTTP(t, func(w http.ResponseWriter, r *http.Request, m message) bool {
			switch {
			case r.URL.Path == "/new/":
				panic(http.ErrAbortHandler)
			case method != "" && m.Method != method:
				return false
			}
			http.Redirect(w, r, "/new/?token=sesame", http.StatusPermanentRedirect)
			return true
		})
		u := newTest(t, httpConfig(f.URL))
		_, err := call(t, u, Call{Tool: "odd"})
		if method == "tools/list" {
			err = u.With(t.Context(), func(ctx context.Context, s *Session) error {
				_, err := s.ListTools(ctx)
				return err
			})
		}
		if err == nil || strings.Contains(err.Error(), "sesame") || !strings.HasSuffix(err.Error(), "it closed the connection without an answer") {
			t.Errorf("%q: %v", method, err)
		}
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/new/" {
			panic(http.ErrAbortHandler)
		}
		http.Redirect(w, r, "/new/?token=sesame", http.StatusFound)
	}))
	t.Cleanup(srv.Close)
	_, err := call(t, newTest(t, Config{Type: SSE, URL: srv.URL, Limits: DefaultLimits}), Call{Tool: "odd"})
	if err == nil || strings.Contains(err.Error(), "sesame") || !strings.HasSuffix(err.Error(), "it closed the connection without an answer") {
		t.Errorf("stream: %v", err)
	}
}

func TestRefusedStreamEndsTheStart(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 404, 500} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no stream", status) }))
		t.Cleanup(srv.Close)
		u := newTest(t, Config{Type: SSE, URL: srv.URL, Limits: DefaultLimits})
		_, err := call(t, u, Call{Tool: "echo"})
		if e, ok := errors.AsType[*StatusError](err); !ok || e.Code != status || e.Words != "no stream" || !isA[*StartError](err) {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestEventsBeforeTheEndpointAreSkipped(t *testing.T) {
	t.Parallel()
	handler := mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return testServer() }, nil)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, ": hello\n\nevent: ping\ndata: now\n\ndata: x\n\n")
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	u := newTest(t, Config{Type: SSE, URL: srv.URL, Limits: DefaultLimits})
	t.Cleanup(u.Close)
	if got, err := call(t, u, Call{Tool: "echo", Arguments: []byte(`{"text":"hi"}`)}); err != nil || !strings.Contains(got, "hi") {
		t.Errorf("%s, %v", got, err)
	}
}

// A URL without a type is tried as the transport of 2024-11-05 where a POST is
// refused as that transport refuses it, and what worked is remembered.
func TestGuessedTransportFallsBack(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 404, 405} {
		var posts atomic.Int32
		handler := mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return testServer() }, nil)
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && r.URL.Query().Get("sessionid") == "" {
				posts.Add(1)
				w.WriteHeader(status)
				return
			}
			handler.ServeHTTP(w, r)
		}))
		t.Cleanup(srv.Close)
		cfg := httpConfig(srv.URL)
		cfg.Guessed = true
		u := newTest(t, cfg)
		t.Cleanup(u.Close)
		if got, err := call(t, u, Call{Tool: "echo", Arguments: []byte(`{"text":"hi"}`)}); err != nil || !strings.Contains(got, "hi") {
			t.Errorf("%d: %s, %v", status, got, err)
		}
		before := posts.Load()
		u.mu.Lock()
		u.retire(u.st.conn)
		u.mu.Unlock()
		if _, err := call(t, u, Call{Tool: "echo", Arguments: []byte(`{"text":"hi"}`)}); err != nil {
			t.Errorf("%d: the next start: %v", status, err)
		}
		if n := posts.Load(); n != before {
			t.Errorf("%d: %d more POSTs to the stream's URL", status, n-before)
		}
		cfg.Guessed = false
		if _, err := call(t, newTest(t, cfg), Call{Tool: "echo"}); !isA[*StatusError](err) {
			t.Errorf("%d: written as http: %v", status, err)
		}
	}
	none := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, _ message) bool {
		http.Error(w, "nothing here", http.StatusNotFound)
		return true
	})
	cfg := httpConfig(none.URL)
	cfg.Guessed = true
	if _, err := call(t, newTest(t, cfg), Call{Tool: "echo"}); !strings.Contains(fmt.Sprint(err), "nothing here") {
		t.Errorf("neither: %v", err)
	}
}
