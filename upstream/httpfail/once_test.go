package httpfail_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"mcpproxy/upstream/httpfail"
	"mcpproxy/upstream/httpfail/resettest"
)

// What a server says it has not processed goes once more.
func TestUnprocessedRequestIsSentAgain(t *testing.T) {
	t.Parallel()
	for code, want := range map[http2.ErrCode]int{http2.ErrCodeRefusedStream: 3, http2.ErrCodeProtocol: 2} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			server := resettest.New(t, code, 1, 3)
			var s httpfail.Sender
			for n := range 2 {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(`{"pay":1}`))
				if err != nil {
					t.Fatal(err)
				}
				resp, err := s.Send(server.Transport.RoundTrip, req)
				if err == nil {
					resp.Body.Close()
				}
				if failed := n == 1 && code == http2.ErrCodeProtocol; (err != nil) != failed {
					t.Errorf("request %d: %v", n, err)
				}
			}
			if n := server.Taken(); n != want {
				t.Errorf("%d requests came, want %d", n, want)
			}
		})
	}
}

// What a server may have acted upon is on the wire once, however its stream ends.
func TestOnce(t *testing.T) {
	t.Parallel()
	for _, code := range []http2.ErrCode{http2.ErrCodeProtocol, http2.ErrCodeInternal, http2.ErrCodeRefusedStream, http2.ErrCodeCancel} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			server := resettest.New(t, code)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, bytes.NewReader([]byte(`{"pay":1}`)))
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			resp, err := new(httpfail.Sender).Send(server.Transport.RoundTrip, req)
			if err == nil {
				resp.Body.Close()
				t.Fatal("the request has an answer")
			}
			if n := server.Taken(); n != 1 {
				t.Errorf("the request was taken %d times", n)
			}
			if text := httpfail.Plain(err).Error(); strings.Contains(text, "http2") || strings.Contains(text, "GetBody") {
				t.Errorf("told in the library's words: %s", text)
			}
			t.Logf("%v after %v", httpfail.Plain(err), time.Since(began).Round(time.Millisecond))
		})
	}
}

// A request without a body is safe to send again, but not without end.
func TestOnceEndsResending(t *testing.T) {
	t.Parallel()
	server := resettest.New(t, http2.ErrCodeProtocol)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := new(httpfail.Sender).Send(server.Transport.RoundTrip, req)
	if err == nil {
		resp.Body.Close()
		t.Fatal("the request has an answer")
	}
	if n := server.Taken(); n > 4 {
		t.Errorf("the request was sent %d times", n)
	}
}
