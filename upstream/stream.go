package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// within bounds the time of a request up to the end of the response's body, and
// calls over if that is too short.
func (t *tapTransport) within(req *http.Request, limit time.Duration, over func()) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), limit)
	check := func(err error) {
		if err != nil && req.Context().Err() == nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			over()
		}
	}
	resp, err := t.send(req.WithContext(ctx))
	if check(err); err != nil {
		cancel()
		return nil, err
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, check: check, cancel: cancel}
	return resp, nil
}

// A boundedBody stops its timer when it is closed.
type boundedBody struct {
	io.ReadCloser
	check  func(error) // is called with what a read returns
	cancel context.CancelFunc
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.check(err)
	return n, err
}

func (b *boundedBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// Bounds of the delay before a stream of notifications is opened again.
const (
	minReopen = time.Second
	maxReopen = time.Minute
)

// A notificationStream is the body of a stream on which an upstream sends what
// belongs to no call. It is opened by the first read, because the SDK's session
// waits for headers and some servers send none before the first event. It is
// opened again whenever it ends, because gateways cut such streams every
// minute, and after a few cuts the session would end with all its calls.
type notificationStream struct {
	t      *tapTransport
	req    *http.Request
	body   io.ReadCloser
	opened time.Time
	delay  time.Duration // before it is opened
}

// notifications answers a request for a stream without sending it.
func (t *tapTransport) notifications(req *http.Request) *http.Response {
	if req.Body != nil {
		req.Body.Close() // GetBody returns a new one for each request
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"text/event-stream"}},
		Body:          &notificationStream{t: t, req: req, body: http.NoBody},
		ContentLength: -1,
		Request:       req,
	}
}

func (n *notificationStream) Read(p []byte) (int, error) {
	for {
		if k, err := n.body.Read(p); k > 0 || err == nil {
			return k, nil
		}
		if err := n.open(); err != nil {
			return 0, err
		}
	}
}

// open returns when there is a stream, or when the session has ended.
func (n *notificationStream) open() error {
	n.body.Close()
	n.body = http.NoBody
	ctx := n.req.Context()
	if !n.opened.IsZero() && time.Since(n.opened) > maxReopen {
		n.delay = minReopen
	}
	for {
		select {
		case <-time.After(n.delay):
		case <-ctx.Done():
			return ctx.Err()
		}
		n.delay = min(max(2*n.delay, minReopen), maxReopen)
		body, err := n.request(ctx)
		switch {
		case body != nil:
			n.body, n.opened = body, time.Now()
			return nil
		case errors.Is(err, errNoStream):
			<-ctx.Done()
			return ctx.Err()
		}
	}
}

// errNoStream says that the upstream offers no stream of notifications.
var errNoStream = errors.New("no stream")

// request asks for the stream, with the token of now: that of the first request
// may have ended.
func (n *notificationStream) request(ctx context.Context) (io.ReadCloser, error) {
	req := n.req.Clone(ctx)
	if n.req.GetBody != nil {
		var err error
		if req.Body, err = n.req.GetBody(); err != nil {
			return nil, err
		}
	}
	if err := n.t.authorize(req); err != nil {
		return nil, err
	}
	resp, err := n.t.send(req)
	switch {
	case err != nil:
		return nil, err
	case isEventStream(resp):
		n.t.bound(resp)
		return resp.Body, nil
	}
	defer resp.Body.Close()
	switch {
	case challenges(resp) && n.t.auth != nil:
		return nil, n.t.reauthorize(req, resp)
	case resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests:
		return nil, errNoStream
	}
	return nil, refusalOf(resp, nil, n.t.redact)
}

func (n *notificationStream) Close() error { return n.body.Close() }

func isEventStream(resp *http.Response) bool {
	return resp.StatusCode == http.StatusOK && mediaType(resp) == "text/event-stream"
}
