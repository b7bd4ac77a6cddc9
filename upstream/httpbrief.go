package upstream

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"mcpproxy/upstream/raw"
)

// Bounds of what is sent to an upstream beside calls.
const (
	postWait   = 10 * time.Second       // for an answer to a notification or a reply
	startWait  = 3 * time.Second        // for an answer to notifications/initialized, which a start waits for
	endWait    = 500 * time.Millisecond // for the same once the connection ends
	maxReplies = 16                     // on their way at once
)

// A kind is a kind of JSON-RPC message.
type kind int

const (
	request kind = iota
	notification
	reply // to a request of the upstream
)

// kindOf returns the kind and the method of the message that req sends. The
// SDK writes id and method before what may be large.
func kindOf(req *http.Request) (kind, string) {
	if req.GetBody == nil {
		return request, ""
	}
	body, err := req.GetBody()
	if err != nil {
		return request, ""
	}
	defer body.Close()
	head := make([]byte, 1024)
	n, _ := io.ReadFull(body, head)
	k := notification
	for key, at := range raw.Members(head[:n]) {
		switch string(key) {
		case `"id"`:
			k = request
		case `"method"`:
			return k, string(at.In(head))
		}
	}
	return reply, ""
}

// initialized is the method, as it is written, that ends a handshake.
const initialized = `"notifications/initialized"`

// brief sends a notification or a reply. Nobody needs the answer, so an
// upstream that gives none, or a bad one, holds up and breaks nothing.
func (t *tapTransport) brief(req *http.Request, k kind, method string) (*http.Response, error) {
	accepted := &http.Response{
		Status: "202 Accepted", StatusCode: http.StatusAccepted,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Request: req,
	}
	if k == reply {
		select {
		case t.replies <- struct{}{}:
			defer func() { <-t.replies }()
		default:
			// An upstream that asks for more than it takes answers of gets none.
			req.Body.Close()
			return accepted, nil
		}
		if t.ctx.Err() != nil {
			req.Body.Close()
			return accepted, nil
		}
	}
	wait := postWait
	if method == initialized {
		wait = startWait
	}
	ctx, cancel := context.WithTimeout(req.Context(), wait)
	defer cancel()
	defer context.AfterFunc(t.ctx, func() { time.AfterFunc(endWait, cancel) })()
	resp, err := t.base.RoundTrip(req.WithContext(ctx))
	switch {
	case req.Context().Err() != nil:
		return nil, req.Context().Err()
	case err != nil:
		return accepted, nil
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	resp.Body.Close()
	redirected := resp.StatusCode >= 300 && resp.StatusCode < 400
	if redirected || resp.StatusCode >= 400 && method == initialized {
		resp.Body = io.NopCloser(bytes.NewReader(body))
		return resp, nil
	}
	return accepted, nil
}
