package httpfail_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"mcpproxy/upstream/httpfail"
)

// TestPlain makes real exchanges fail, since most of these errors have no type.
func TestPlain(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer string // of the server, which then closes the connection; "-" for none and no end
		scheme string
		want   string
	}{
		"another protocol": {answer: "SSH-2.0-OpenSSH_9.6\r\n", want: "the answer is no HTTP"},
		"a bad status":     {answer: "HTTP/1.1 abc OK\r\n\r\n", want: "the answer is no HTTP"},
		"a bad header":     {answer: "HTTP/1.1 200 OK\r\n: x\r\n\r\n", want: "the answer is no HTTP"},
		"nothing":          {answer: "", want: "it closed the connection without an answer"},
		"a cut head":       {answer: "HTTP/1.1 200 OK\r\n", want: "it closed the connection within the answer"},
		"a cut body":       {answer: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", want: "it closed the connection within the answer"},
		"bad chunks":       {answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", want: "the answer has malformed chunks"},
		"no answer":        {answer: "-", want: "no answer in time"},
		"headers too long": {answer: "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 8<<10) + "\r\n\r\n", want: "server response headers exceeded 4096 bytes; aborted"},
		"HTTP for HTTPS":   {answer: "HTTP/1.0 400 Bad Request\r\n\r\n", scheme: "https", want: "it speaks HTTP without TLS at this port"},
		"no TLS":           {answer: "SSH-2.0-OpenSSH_9.6\r\n", scheme: "https", want: "it does not speak TLS at this port"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := httpfail.Plain(exchange(t, tc.scheme, tc.answer))
			if err == nil || err.Error() != tc.want {
				t.Errorf("got %q, want %q", err, tc.want)
			}
		})
	}
}

// exchange sends a request to a server that answers with these bytes.
func exchange(t *testing.T, scheme, answer string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = c.Read(make([]byte, 4096))
				if answer != "-" {
					_, _ = io.WriteString(c, answer)
					return
				}
				_, _ = io.Copy(io.Discard, c)
			}()
		}
	}()
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxResponseHeaderBytes: 4 << 10, DisableKeepAlives: true}}
	if answer == "-" {
		client.Timeout = 50 * time.Millisecond
	}
	if scheme == "" {
		scheme = "http"
	}
	resp, err := client.Post(scheme+"://"+l.Addr().String()+"/?key=canary", "text/plain", strings.NewReader("x"))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.ReadAll(resp.Body)
	return err
}

// TestPlainKeepsTheChain holds what callers look for below the words, and what is
// said well enough already.
func TestPlainKeepsTheChain(t *testing.T) {
	t.Parallel()
	cause := errors.New("certificate signed by unknown authority")
	if got := httpfail.Plain(&url.Error{Op: "Get", URL: "https://h/?key=canary", Err: cause}); got != cause {
		t.Errorf("got %v, want the error below the URL", got)
	}
	if got := httpfail.Plain(io.EOF); !errors.Is(got, io.EOF) || got.Error() == "EOF" {
		t.Errorf("got %v, want io.EOF in other words", got)
	}
	if httpfail.Plain(nil) != nil {
		t.Error("nil has words")
	}
	srv := httptest.NewServer(nil)
	srv.Close()
	if _, err := http.Get(srv.URL); err == nil || !strings.Contains(httpfail.Plain(err).Error(), "connection refused") {
		t.Errorf("got %v, want what the system says", err)
	}
}
