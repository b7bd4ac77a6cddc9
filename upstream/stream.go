package upstream

import (
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"time"
)

// openWait bounds the headers of an answer to a request that opens a stream
// beside the calls: the SDK's session waits for them without a bound.
const openWait = 10 * time.Second

// bounded makes the round trip of one request, with a bound of our own where
// the SDK's session would wait for ever and an answer is not vital.
func (t *tapTransport) bounded(req *http.Request) (*http.Response, error) {
	switch method := req.Header.Get("Mcp-Method"); {
	case method == "server/discover" && t.probing:
		return t.within(req, probeWait, true)
	case method == "subscriptions/listen":
		return t.within(req, openWait, false)
	case req.Method == http.MethodGet && req.Header.Get("Last-Event-ID") == "":
		resp, err := t.within(req, openWait, false)
		if err != nil && req.Context().Err() == nil && !isDial(err) {
			// "or else return HTTP 405 Method Not Allowed, indicating that the
			// server does not offer an SSE stream at this endpoint"
			// (MCP 2025-11-25, basic/transports): nor does this one, in effect.
			return &http.Response{StatusCode: http.StatusMethodNotAllowed, Body: http.NoBody, Request: req}, nil
		}
		if err == nil && isEventStream(resp) {
			resp.Body = &notifications{t: t, req: req, body: resp.Body, delay: minReopen}
		}
		return resp, err
	}
	return t.base.RoundTrip(req)
}

// within bounds the time until the headers of an answer or, if body is set,
// until its end.
func (t *tapTransport) within(req *http.Request, limit time.Duration, body bool) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	timer := time.AfterFunc(limit, cancel)
	resp, err := t.base.RoundTrip(req.WithContext(ctx))
	if err != nil {
		timer.Stop()
		cancel()
		return nil, err
	}
	if !body {
		timer.Stop() // too late, the body fails at once
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, timer: timer, cancel: cancel}
	return resp, nil
}

// A boundedBody is a body that a timer may cut off.
type boundedBody struct {
	io.ReadCloser
	timer  *time.Timer
	cancel context.CancelFunc
}

func (b *boundedBody) Close() error {
	b.timer.Stop()
	b.cancel()
	return b.ReadCloser.Close()
}

func isEventStream(resp *http.Response) bool {
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return resp.StatusCode == http.StatusOK && media == "text/event-stream"
}

// Bounds of the delay before a stream of notifications is opened again.
const (
	minReopen = time.Second
	maxReopen = time.Minute
)

// notifications is the body of the stream on which an upstream sends what
// belongs to no request. It is opened again whenever it ends, and seems never
// to end: gateways cut such streams every minute, and the SDK's session gives
// itself up, with all calls on it, after a few such cuts.
type notifications struct {
	t     *tapTransport
	req   *http.Request
	body  io.ReadCloser
	delay time.Duration
}

func (n *notifications) Read(p []byte) (int, error) {
	for {
		k, err := n.body.Read(p)
		if k > 0 {
			n.delay = minReopen
		}
		if k > 0 || err == nil {
			return k, nil
		}
		if err := n.reopen(); err != nil {
			return 0, err
		}
	}
}

// reopen returns when there is a new stream, or when the session has ended.
func (n *notifications) reopen() error {
	n.body.Close()
	n.body = http.NoBody
	ctx := n.req.Context()
	for {
		select {
		case <-time.After(n.delay):
		case <-ctx.Done():
			return ctx.Err()
		}
		n.delay = min(2*n.delay, maxReopen)
		resp, err := n.t.within(n.req.Clone(ctx), openWait, false)
		switch {
		case err != nil:
			continue
		case isEventStream(resp):
			n.body = resp.Body
			return nil
		}
		resp.Body.Close()
		if resp.StatusCode < 500 { // there is none any more
			<-ctx.Done()
			return ctx.Err()
		}
	}
}

func (n *notifications) Close() error { return n.body.Close() }

// isDial reports whether err says that no connection was made.
func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, new(*net.DNSError))
}
