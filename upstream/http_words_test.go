package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// What an upstream says definitely is an answer, in whatever form it comes.
func TestDefiniteAnswersAreTold(t *testing.T) {
	t.Parallel()
	reply := func(status int, media, body string, headers ...string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", media)
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	const json, text, html = "application/json", "text/plain", "text/html; charset=utf-8"
	rpc := func(message string) func(error) bool {
		return func(err error) bool {
			e, ok := errors.AsType[*jsonrpc.Error](err)
			return ok && e.Message == message
		}
	}
	refused := func(want StatusError) func(error) bool {
		return func(err error) bool {
			e, ok := errors.AsType[*StatusError](err)
			if !ok || isA[*jsonrpc.Error](err) {
				return false
			}
			got := *e
			got.Err = nil
			return got == want
		}
	}
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		want   func(error) bool
	}{
		"200 with a bare error":       {reply(200, json, `{"error":"invalid api key"}`), rpc("invalid api key")},
		"200 with a bare error event": {reply(200, "text/event-stream", "data: {\"error\":\"quota exceeded\"}\n\n"), rpc("quota exceeded")},
		"200, a message in the error": {reply(200, json, `{"error":{"message":"no such page"}}`), rpc("no such page")},
		"200, text that is JSON":      {reply(200, text, `{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"busy"}}`), rpc("busy")},
		"500 with an error":           {reply(500, json, `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"it broke"}}`), rpc("it broke")},
		"403 with an error":           {reply(403, json, `{"jsonrpc":"2.0","id":1,"error":{"code":-32003,"message":"not in your plan"}}`), rpc("not in your plan")},
		"500 with a batch":            {reply(500, json, `[{"jsonrpc":"2.0","method":"m"},{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"it broke"}}]`), rpc("it broke")},
		"403 in words":                {reply(403, text, "  \nplan does not include this tool\nsecond line"), refused(StatusError{Code: 403, Words: "plan does not include this tool"})},
		"403 in JSON":                 {reply(403, json, `{"detail":"not yours"}`), refused(StatusError{Code: 403, Words: "not yours"})},
		"401 in words":                {reply(401, text, "who are you?"), refused(StatusError{Code: 401, Challenge: true, Words: "who are you?"})},
		"429":                         {reply(429, text, "slow down", "Retry-After", "120"), refused(StatusError{Code: 429, Words: "slow down", RetryAfter: 2 * time.Minute})},
		"503, absurd Retry-After":     {reply(503, text, "", "Retry-After", "99999999999999999999"), refused(StatusError{Code: 503})},
		"429 with an error": {reply(429, json, `{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"too fast"}}`, "Retry-After", "30"), func(err error) bool {
			e, ok := errors.AsType[*BusyError](err)
			return ok && e.RetryAfter == 30*time.Second && rpc("too fast")(err)
		}},
		"500, an event":       {reply(500, "text/event-stream", "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32000,\"message\":\"db is down\"}}\n\n"), rpc("db is down")},
		"500, a text event":   {reply(500, "text/event-stream", "event: error\ndata: db is down"), refused(StatusError{Code: 500, Words: "db is down"})},
		"403, XML":            {reply(403, "application/xml", "<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code>\n <Message>not yours</Message></Error>"), refused(StatusError{Code: 403, Words: "AccessDenied not yours"})},
		"502, a page as text": {reply(502, text, "\n<!-- x -->\n<HTML><h1>Bad gateway"), refused(StatusError{Code: 502, Page: true})},
		"502 and a page":      {reply(502, html, "<html><h1>Bad gateway"), refused(StatusError{Code: 502, Page: true})},
		"200 and a page":      {reply(200, html, "<!doctype html>"), refused(StatusError{Code: 200, Page: true})},
		"404 in words":        {reply(404, text, "no such path"), refused(StatusError{Code: 404, Words: "no such path"})},
		"control characters":  {reply(400, text, "a\x1b[31mb\xff\x00c"), refused(StatusError{Code: 400, Words: "a[31mb\uFFFDc"})},
		"long":                {reply(400, text, strings.Repeat("é", 400)), refused(StatusError{Code: 400, Words: strings.Repeat("é", 150)})},
		"a secret":            {reply(400, text, "bad key sesame-open-42"), refused(StatusError{Code: 400, Words: "bad key ***"})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, m message) bool {
				if m.Method == "tools/call" {
					c.answer(w)
				}
				return m.Method == "tools/call"
			})
			redact := func(s string) string { return strings.ReplaceAll(s, "sesame-open-42", "***") }
			u := New("test", httpConfig(f.URL), Options{Client: testClient, Redact: redact})
			t.Cleanup(u.Close)
			_, err := call(t, u, Call{Tool: "odd"})
			if !c.want(err) {
				s, _ := errors.AsType[*StatusError](err)
				t.Errorf("error %v, %+v", err, s)
			}
			if n := f.count("tools/call"); n != 1 {
				t.Errorf("sent %d times", n)
			}
			if _, err := call(t, u, Call{Tool: "odd"}); isA[*StartError](err) || f.count("initialize") > 1 && !strings.HasPrefix(name, "4") {
				t.Errorf("the session did not survive: %v", err)
			}
		})
	}
}

// Errors that the upstream answers with are no faults of its transport.
func TestErrorsInA500DoNotOpenTheBreaker(t *testing.T) {
	t.Parallel()
	f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, m message) bool {
		if m.Method == "tools/call" {
			refuse(w, m, http.StatusInternalServerError, -32603)
		}
		return m.Method == "tools/call"
	})
	u := newTest(t, httpConfig(f.URL))
	for range 5 {
		if _, err := call(t, u, Call{Tool: "odd"}); !isA[*jsonrpc.Error](err) {
			t.Errorf("error %v", err)
		}
	}
	if s := u.State(); s.Status != Connected || s.Last != nil {
		t.Errorf("state %+v", s)
	}
}

// Where only a list was asked for, no tool ran.
func TestInterruptedListSaysSo(t *testing.T) {
	t.Parallel()
	f := newFakeHTTP(t, func(_ http.ResponseWriter, _ *http.Request, m message) bool {
		if m.Method == "tools/list" {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	u := newTest(t, httpConfig(f.URL))
	err := u.With(t.Context(), func(ctx context.Context, s *Session) error {
		_, err := s.ListTools(ctx)
		return err
	})
	if e, ok := errors.AsType[*InterruptedError](err); !ok || e.Stage != StageList {
		t.Errorf("error %#v", err)
	}
	slow := newFakeHTTP(t, func(_ http.ResponseWriter, r *http.Request, m message) bool {
		if m.Method == "tools/list" {
			<-r.Context().Done()
		}
		return m.Method == "tools/list"
	})
	cfg := httpConfig(slow.URL)
	cfg.CallTimeout = Duration(50 * time.Millisecond)
	u = newTest(t, cfg)
	err = u.With(t.Context(), func(ctx context.Context, s *Session) error {
		_, err := s.ListTools(ctx)
		return err
	})
	if e, ok := errors.AsType[*TimeoutError](err); !ok || e.Stage != StageList {
		t.Errorf("error %#v", err)
	}
}

// The end of a stream ends its last event, of a call as well.
func TestLastEventNeedsNoBlankLine(t *testing.T) {
	t.Parallel()
	f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, m message) bool {
		if m.Method != "tools/call" {
			return false
		}
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, `data: {"jsonrpc":"2.0","id":`+string(m.ID)+`,"result":`+rawResult+`}`)
		return true
	})
	u := newTest(t, httpConfig(f.URL))
	if got, err := call(t, u, Call{Tool: "odd"}); err != nil || got != rawResult {
		t.Errorf("%s, %v", got, err)
	}
}

// A status that has no name of its own is told by its number.
func TestStatusWithoutAName(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]StatusError{"HTTP 499": {Code: 499}, "HTTP 520: down": {Code: 520, Words: "down"}} {
		if got := e.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
