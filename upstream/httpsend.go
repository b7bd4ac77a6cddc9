package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/upstream/httpfail"
)

// An httpSender sends raw requests through the SDK's HTTP session, which owns
// session ids, headers, authorization and resumption.
type httpSender struct {
	session *mcp.ClientSession
	tokens  atomic.Int64
}

func (h *httpSender) send(ctx context.Context, r rawRequest) (json.RawMessage, error) {
	c := newCapture(formatID(h.tokens.Add(1)), maxMessage, nothing)
	c.progress = r.progress
	meta := mcp.Meta{"progressToken": json.Number(c.token)}
	if r.method == "tools/list" {
		params := &mcp.ListToolsParams{Meta: meta}
		if r.cursor != nil {
			params.Cursor = *r.cursor
			c.emptyCursor = *r.cursor == ""
		}
		return h.list(ctx, c, params)
	}
	_, err := h.session.CallTool(withCapture(ctx, c), &mcp.CallToolParams{Meta: meta, Name: r.tool, Arguments: r.args})
	got := c.state()
	if got.result == nil {
		return nil, h.fault(ctx, got, err)
	}
	return got.result, nil
}

// nothing is what the session gets of the result of a call.
func nothing(json.RawMessage) json.RawMessage { return json.RawMessage(`{"content":[]}`) }

// list asks for a page of tools. The session gets those that it must know of,
// because their arguments go into headers (x-mcp-header, MCP 2026-07-28,
// basic/transports), and refuses what it cannot read of them.
func (h *httpSender) list(ctx context.Context, c *capture, params *mcp.ListToolsParams) (json.RawMessage, error) {
	c.limit = maxList
	var page toolPage
	c.substitute = func(result json.RawMessage) json.RawMessage {
		page = readToolPage(result)
		return page.forSession()
	}
	res, err := h.session.ListTools(withCapture(ctx, c), params)
	got := c.state()
	switch {
	case got.result == nil:
		return nil, h.fault(ctx, got, err)
	case res == nil || len(page.marked) == 0:
		return got.result, nil
	}
	return page.without(res.Tools), nil
}

// fault classifies why a request over HTTP got no result. Only the answer to
// the request itself can say that it was not taken.
func (h *httpSender) fault(ctx context.Context, got captureState, err error) error {
	err = httpfail.Plain(notAnAnswer(err))
	switch {
	case got.failed != nil:
		return h.answeredBy(ctx, got)
	case got.malformed != nil:
		return got.malformed
	case got.large != nil:
		return got.large
	case ctx.Err() != nil && !got.refused():
		return ctx.Err()
	case isA[*OriginError](err):
		left, _ := errors.AsType[*OriginError](err)
		return left
	case isA[*RedirectError](err):
		moved, _ := errors.AsType[*RedirectError](err)
		return moved
	case !got.sent:
		return errors.Join(ErrNotSent, err)
	case got.status == http.StatusNotFound && got.refused() && h.session.ID() != "":
		return errors.Join(ErrNotSent, got.refusal.with(err))
	case got.refused():
		// On that the SDK ends the connection and so ctx, perhaps before it
		// returns the error.
		return got.refusal.with(err)
	case err != nil:
		return &InterruptedError{Err: err}
	}
	return &InterruptedError{Err: errNoResult}
}

// Codes of the JSON-RPC errors by which servers made after the SDKs' examples
// say that they do not know the session, as after a restart. Others use them
// for errors of their tools.
const (
	codeNoSession      = -32000
	codeUnknownSession = -32001
)

// answeredBy returns the error with which the upstream answered the request.
// What a 404 to a known session says is settled (MCP 2025-11-25,
// basic/transports, session management). Where the answer could mean a lost
// session without that, a ping tells.
func (h *httpSender) answeredBy(ctx context.Context, got captureState) error {
	if got.refused() && got.refusal.RetryAfter > 0 {
		return &BusyError{Err: got.failed, RetryAfter: got.refusal.RetryAfter}
	}
	if h.session.ID() == "" || !mayMeanLost(got) {
		return got.failed
	}
	if got.status == http.StatusNotFound && got.failed.Code != codeNoSession {
		return errors.Join(ErrNotSent, &LostError{got.failed})
	}
	c := newCapture("", maxSmall, nothing)
	ctx, cancel := context.WithTimeout(ctx, pingWait)
	defer cancel()
	h.session.Ping(withCapture(ctx, c), nil)
	if ping := c.state(); ping.status == http.StatusNotFound || ping.failed != nil && mayMeanLost(ping) {
		return &LostError{got.failed}
	}
	return got.failed
}

// mayMeanLost reports whether an error is one of those by which servers say
// that they do not know the session.
func mayMeanLost(got captureState) bool {
	switch got.failed.Code {
	case codeUnknownSession:
		return true
	case codeNoSession, jsonrpc.CodeInvalidRequest:
		return got.refused()
	}
	return false
}

// A LostError is an upstream's answer by which it does not know the session.
// Though it hardly ran, the request is sent again only if it may run twice.
type LostError struct{ Err *jsonrpc.Error }

func (e *LostError) Error() string { return e.Err.Error() }
func (e *LostError) Unwrap() error { return e.Err }

// codeRejected is the code of the errors that the SDK's transport makes for
// requests that failed in it. They must not pass for answers of the upstream.
const codeRejected = -32005

// notAnAnswer returns err so that no JSON-RPC error in its chain passes for an
// answer of the upstream.
func notAnAnswer(err error) error {
	if isA[*jsonrpc.Error](err) {
		return unanswered{err}
	}
	return err
}

// unanswered hides the SDK's own JSON-RPC errors in the chain of an error.
type unanswered struct{ err error }

func (u unanswered) Error() string        { return u.err.Error() }
func (u unanswered) Is(target error) bool { return errors.Is(u.err, target) }

func (u unanswered) As(target any) bool {
	_, rpc := target.(**jsonrpc.Error)
	return !rpc && errors.As(u.err, target)
}

var errNoResult = errors.New("the answer held no result")
