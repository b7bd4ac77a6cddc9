package httpfail_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"mcpproxy/upstream/httpfail"
)

// A resetting server takes requests over HTTP/2, counts them, and resets the stream
// of each as a gateway does whose server misbehaves.
func resetting(t *testing.T, code http2.ErrCode, answered ...int32) (client *http.Transport, url string, taken *atomic.Int32) {
	t.Helper()
	like := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(like.Close)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: like.TLS.Certificates, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	taken = new(atomic.Int32)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go reset(c, code, taken, answered)
		}
	}()
	client = like.Client().Transport.(*http.Transport).Clone()
	client.ForceAttemptHTTP2 = true
	t.Cleanup(client.CloseIdleConnections)
	return client, "https://" + l.Addr().String(), taken
}

func reset(c net.Conn, code http2.ErrCode, taken *atomic.Int32, answered []int32) {
	defer c.Close()
	if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	f := http2.NewFramer(c, c)
	_ = f.WriteSettings()
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = f.WriteSettingsAck()
			}
		case *http2.HeadersFrame, *http2.DataFrame:
			if frame.Header().Flags.Has(http2.FlagDataEndStream) {
				if slices.Contains(answered, taken.Add(1)) {
					_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: frame.Header().StreamID, BlockFragment: status200, EndHeaders: true, EndStream: true})
					continue
				}
				_ = f.WriteRSTStream(frame.Header().StreamID, code)
			}
		}
	}
}

var status200 = []byte{0x88} // :status 200, an entry of the static table (RFC 7541, appendix A)

// What a server says it has not processed goes once more.
func TestUnprocessedRequestIsSentAgain(t *testing.T) {
	t.Parallel()
	for code, want := range map[http2.ErrCode]int32{http2.ErrCodeRefusedStream: 3, http2.ErrCodeProtocol: 2} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			transport, url, taken := resetting(t, code, 1, 3)
			var s httpfail.Sender
			for n := range 2 {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(`{"pay":1}`))
				if err != nil {
					t.Fatal(err)
				}
				resp, err := s.Send(transport, req)
				if err == nil {
					resp.Body.Close()
				}
				if failed := n == 1 && code == http2.ErrCodeProtocol; (err != nil) != failed {
					t.Errorf("request %d: %v", n, err)
				}
			}
			if n := taken.Load(); n != want {
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
			transport, url, taken := resetting(t, code)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader([]byte(`{"pay":1}`)))
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			resp, err := new(httpfail.Sender).Send(transport, req)
			if err == nil {
				resp.Body.Close()
				t.Fatal("the request has an answer")
			}
			if n := taken.Load(); n != 1 {
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
	transport, url, taken := resetting(t, http2.ErrCodeProtocol)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := new(httpfail.Sender).Send(transport, req)
	if err == nil {
		resp.Body.Close()
		t.Fatal("the request has an answer")
	}
	if n := taken.Load(); n > 4 {
		t.Errorf("the request was sent %d times", n)
	}
}
