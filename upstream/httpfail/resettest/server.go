// Package resettest is a server over HTTP/2 that resets the streams of requests, as a
// gateway does whose server misbehaves. It is for tests.
package resettest

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"
)

// A Server resets the stream of each request that it has taken, with one code.
type Server struct {
	URL       string          // begins with https
	Transport *http.Transport // trusts the server, and speaks HTTP/2

	code     http2.ErrCode
	answered []int32
	taken    atomic.Int32
}

// New starts a server, which ends with the test. answered are the requests, counted
// from 1, that it answers with 200 and no body instead.
func New(t testing.TB, code http2.ErrCode, answered ...int32) *Server {
	t.Helper()
	like := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(like.Close)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: like.TLS.Certificates, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &Server{URL: "https://" + l.Addr().String(), code: code, answered: answered}
	s.Transport = like.Client().Transport.(*http.Transport).Clone()
	s.Transport.ForceAttemptHTTP2 = true
	t.Cleanup(s.Transport.CloseIdleConnections)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return s
}

// Taken returns how many requests came.
func (s *Server) Taken() int { return int(s.taken.Load()) }

var status200 = []byte{0x88} // :status 200, an entry of the static table (RFC 7541, appendix A)

func (s *Server) serve(c net.Conn) {
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
		stream := frame.Header().StreamID
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = f.WriteSettingsAck()
			}
		case *http2.HeadersFrame, *http2.DataFrame:
			switch {
			case !frame.Header().Flags.Has(http2.FlagDataEndStream):
			case slices.Contains(s.answered, s.taken.Add(1)):
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: status200, EndHeaders: true, EndStream: true})
			default:
				_ = f.WriteRSTStream(stream, s.code)
			}
		}
	}
}
