package upstream

import (
	"context"
	"encoding/json"
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

// A post is what is known of a message that is sent.
type post struct {
	kind   kind
	method string          // as it is written, with its quotes
	id     json.RawMessage // of a request
}

// postOf looks into the message that req sends. The SDK writes id and method
// before what may be large.
func postOf(req *http.Request) post {
	if req.GetBody == nil {
		return post{}
	}
	body, err := req.GetBody()
	if err != nil {
		return post{}
	}
	defer body.Close()
	head := make([]byte, 512)
	n, _ := io.ReadFull(body, head)
	p := post{kind: notification}
	for key, at := range raw.Members(head[:n]) {
		switch string(key) {
		case `"id"`:
			p.kind, p.id = request, at.In(head)
		case `"method"`:
			p.method = string(at.In(head))
			return p
		}
	}
	return post{kind: reply}
}

// initialized is the method, as it is written, that ends a handshake.
const initialized = `"notifications/initialized"`

// brief sends a notification or a reply. Nobody needs the answer, so an
// upstream that gives none, or a bad one, holds up and breaks nothing.
func (t *tapTransport) brief(req *http.Request, p post) (*http.Response, error) {
	accepted := &http.Response{
		Status: "202 Accepted", StatusCode: http.StatusAccepted,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Request: req,
	}
	if p.kind == reply {
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
	if p.method == initialized {
		wait = startWait
	}
	ctx, cancel := context.WithTimeout(req.Context(), wait)
	defer cancel()
	defer context.AfterFunc(t.ctx, func() { time.AfterFunc(endWait, cancel) })()
	resp, err := t.send(req.WithContext(ctx))
	switch {
	case req.Context().Err() != nil:
		return nil, req.Context().Err()
	case err != nil:
		return accepted, nil
	}
	body := keep(resp)
	switch {
	case resp.StatusCode >= 400 && p.method == initialized:
		c := newCapture("", maxRefusal, nothing)
		c.refusal = refusalOf(resp, body, t.redact)
		t.last.Store(c) // for whoever says why the handshake failed
		return resp, nil
	case isFollowed(resp.StatusCode):
		return resp, nil
	}
	return accepted, nil
}
