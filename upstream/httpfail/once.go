package httpfail

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

var errReset = errors.New("it reset the stream of the request")

// maxResent is how often net/http may send a request again that has no body.
const maxResent = 2

// Once sends a request through base, and its body once. Over HTTP/2 net/http would
// send it again, without end, whenever the server resets the stream with
// PROTOCOL_ERROR, which says nothing of whether the request was acted upon (RFC 9113,
// section 8.7). What has not begun to leave is sent again.
func Once(base http.RoundTripper, req *http.Request) (*http.Response, error) {
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
	if again := req.GetBody; again != nil {
		once.GetBody = func() (io.ReadCloser, error) {
			if overHTTP2.Load() && sent.Load() > 0 {
				return nil, errReset
			}
			return again()
		}
	}
	resp, err := base.RoundTrip(once)
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

// A onceBody ends the context of its request when it is closed.
type onceBody struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

func (b *onceBody) Close() error {
	defer b.cancel(nil)
	return b.ReadCloser.Close()
}
