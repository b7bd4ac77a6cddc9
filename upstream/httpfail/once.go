package httpfail

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
)

var errReset = errors.New("it reset the stream of the request")

// maxResent is how often net/http may send a request again that has no body.
const maxResent = 2

// A Sender sends requests to servers, and the body of each once. Over HTTP/2 net/http
// would send one again, without end, whenever the server resets the stream with
// PROTOCOL_ERROR, which says nothing of whether the request was acted upon. What has
// not begun to leave is sent again, and so is, once, what the server says it has not
// processed (RFC 9113, section 8.7). The zero Sender is ready.
type Sender struct {
	overHTTP2 sync.Map // hosts that have answered over HTTP/2
}

// A RoundTrip sends a request and returns its response, as that of [http.RoundTripper]
// does.
type RoundTrip func(*http.Request) (*http.Response, error)

// Send is a round trip.
func (s *Sender) Send(trip RoundTrip, req *http.Request) (*http.Response, error) {
	_, known := s.overHTTP2.Load(req.URL.Host)
	resp, err := once(trip, req, known)
	if err != nil && known && isUnprocessed(err) && req.GetBody != nil && req.Context().Err() == nil {
		again := req.WithContext(req.Context())
		body, bodyErr := req.GetBody()
		if bodyErr != nil {
			return nil, err
		}
		again.Body = body
		resp, err = once(trip, again, known)
	}
	if err == nil && resp.ProtoMajor == 2 && !known {
		s.overHTTP2.Store(req.URL.Host, true)
	}
	return resp, err
}

// isUnprocessed reports whether net/http would send a request again because the
// server has not processed it. It tells that in words only, of a request whose body
// it cannot get again.
func isUnprocessed(err error) bool {
	text := err.Error()
	return strings.Contains(text, "cannot retry err") && (strings.Contains(text, "GOAWAY") || strings.Contains(text, "REFUSED_STREAM"))
}

// once sends a request once. known says that it goes over HTTP/2.
func once(trip RoundTrip, req *http.Request, known bool) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	var overHTTP2 atomic.Bool
	var sent atomic.Int32
	once := req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			c, ok := info.Conn.(*tls.Conn)
			overHTTP2.Store(ok && c.ConnectionState().NegotiatedProtocol == "h2")
		},
		WroteHeaders: func() {
			if sent.Add(1) > 1+maxResent && overHTTP2.Load() {
				cancel(errReset)
			}
		},
	}))
	if again := req.GetBody; known {
		once.GetBody = nil // so that the error says why
	} else if again != nil {
		once.GetBody = func() (io.ReadCloser, error) {
			if overHTTP2.Load() && sent.Load() > 0 {
				return nil, errReset
			}
			return again()
		}
	}
	resp, err := trip(once)
	if err != nil {
		if errors.Is(context.Cause(ctx), errReset) {
			err = errReset
		}
		cancel(nil)
		return nil, err
	}
	resp.Body = &onceBody{resp.Body, cancel}
	return resp, nil
}

// A onceBody ends its request before it is closed: where a read is waiting, net/http
// waits for that to close a body that it decompresses.
type onceBody struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

func (b *onceBody) Close() error {
	b.cancel(nil)
	return b.ReadCloser.Close()
}
