package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/upstream/raw"
)

const (
	lastLegacy = "2025-11-25" // the last protocol version with a session handshake
	// firstModern is the first without: each request carries what initialize
	// used to say.
	firstModern = "2026-07-28"
)

// A Session is a live connection to an upstream, for one call of
// [Upstream.With]: the SDK's session for what is rare, and raw bytes for lists
// and calls.
type Session struct {
	*mcp.ClientSession

	sender rawSender
	meta   json.RawMessage // members of _meta that each request must carry
	limits Limits

	initializeFirst bool

	repeated bool
	stage    Stage // what was asked last: StageList or StageCall
	ran      bool  // a request was sent that must not be sent again
}

// Repeated reports whether the request is made for the second time, after an
// interruption. It may then run twice.
func (s *Session) Repeated() bool { return s.repeated }

// InitializeFirst reports whether the upstream must be sent nothing before
// initialize, for the next process, see [Options].
func (s *Session) InitializeFirst() bool { return s.initializeFirst }

// A rawSender sends one request and returns the result's own bytes.
type rawSender interface {
	send(ctx context.Context, r rawRequest) (json.RawMessage, error)
}

// A rawRequest is a request whose params and result are not decoded.
type rawRequest struct {
	method   string
	tool     string          // of a tools/call
	args     json.RawMessage // of a tools/call
	cursor   *string         // of a tools/list; nil asks for the first page
	meta     json.RawMessage // members of _meta, without braces; may be empty
	progress func(params json.RawMessage)
}

// line writes the request as one line. A progress token is its id.
func (r rawRequest) line(id string) []byte {
	params := r.params(id)
	b := make([]byte, 0, len(params)+100)
	b = append(append(b, `{"jsonrpc":"2.0","id":`...), id...)
	b = append(append(b, `,"method":"`...), r.method...)
	b = append(append(b, `","params":`...), params...)
	return append(b, "}\n"...)
}

// params writes the request's params with the given progress token, a number.
func (r rawRequest) params(token string) json.RawMessage {
	b := append(make([]byte, 0, len(r.args)+len(r.meta)+len(r.tool)+100), '{')
	switch {
	case r.tool != "":
		b = append(b, `"name":`...)
		b = append(b, raw.Quote(r.tool)...)
		b = append(b, `,"arguments":`...)
		b = append(b, r.args...)
		b = append(b, ',')
	case r.cursor != nil:
		b = append(b, `"cursor":`...)
		b = append(b, raw.Quote(*r.cursor)...)
		b = append(b, ',')
	}
	b = append(b, `"_meta":{`...)
	if token != "" {
		b = append(b, `"progressToken":`...)
		b = append(b, token...)
		if len(r.meta) > 0 {
			b = append(b, ',')
		}
	}
	b = append(b, r.meta...)
	return append(b, `}}`...)
}

// A Call is one tools/call request.
type Call struct {
	Tool      string
	Arguments json.RawMessage // an object, passed on byte for byte; nil is {}
	// Progress, if not nil, gets the params of each progress notification for
	// this call, in order and before the call returns. Of a call that ctx or a
	// timeout ended, one may come later. It must not block.
	Progress func(params json.RawMessage)
	// Repeatable says that the tool is read-only or idempotent: after an
	// interruption the call may be made once more, see [Upstream.With].
	Repeatable bool
}

// Call sends the request and returns the result object as the upstream wrote
// it. A JSON-RPC error answer is a *jsonrpc.Error; other errors are
// *TimeoutError, *InterruptedError, *InputRequiredError, *SizeError or ctx's,
// over HTTP *StatusError and *RedirectError, and those of the authorization
// handler.
//
// A progress token is always sent. Progress restarts the idle timeout, not the
// one of the whole call. On either, and when ctx ends, the upstream is sent a
// cancellation and the session stays usable.
func (s *Session) Call(ctx context.Context, c Call) (json.RawMessage, error) {
	s.stage = StageCall
	if c.Arguments == nil {
		c.Arguments = json.RawMessage(`{}`)
	}
	if line, err := raw.OneLine(c.Arguments); err == nil {
		c.Arguments = line
	}
	ctx, timer := s.limits.start(ctx)
	defer timer.stop()
	result, err := s.sender.send(ctx, rawRequest{
		method: "tools/call", tool: c.Tool, args: c.Arguments, meta: s.meta,
		progress: func(params json.RawMessage) {
			timer.progressed()
			if c.Progress != nil {
				c.Progress(params)
			}
		},
	})
	if !c.Repeatable && !errors.Is(err, ErrNotSent) {
		s.ran = true
	}
	if err != nil {
		return nil, timer.cause(err)
	}
	if methods := inputRequests(result); methods != nil {
		return nil, &InputRequiredError{Methods: methods}
	}
	return result, nil
}

// inputRequests returns the methods by which a result asks for input, nil if
// it does not.
func inputRequests(result json.RawMessage) []string {
	if !bytes.Contains(result, []byte("input_required")) { // as in most
		return nil
	}
	asks := false
	var requests json.RawMessage
	for key, at := range raw.Members(result) {
		switch string(key) {
		case `"resultType"`:
			asks = string(at.In(result)) == `"input_required"`
		case `"inputRequests"`:
			requests = at.In(result)
		}
	}
	if !asks {
		return nil
	}
	var byID map[string]struct {
		Method string `json:"method"`
	}
	methods := []string{}
	if json.Unmarshal(requests, &byID) == nil {
		for _, r := range byID {
			methods = append(methods, r.Method)
		}
	}
	slices.Sort(methods)
	return slices.Compact(methods)
}

// A callTimer bounds one call, by the time without progress and as a whole.
type callTimer struct {
	limits Limits
	cancel context.CancelCauseFunc
	ctx    context.Context
	idle   *time.Timer
	whole  *time.Timer
}

func (l Limits) start(ctx context.Context) (context.Context, *callTimer) {
	c := &callTimer{limits: l}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	after := func(d Duration, idle bool) *time.Timer {
		if d <= 0 {
			return nil
		}
		return time.AfterFunc(time.Duration(d), func() {
			c.cancel(&TimeoutError{After: time.Duration(d), Idle: idle})
		})
	}
	c.idle, c.whole = after(l.CallTimeout, true), after(l.MaxCallTime, false)
	return c.ctx, c
}

func (c *callTimer) progressed() {
	if c.idle != nil {
		c.idle.Reset(time.Duration(c.limits.CallTimeout))
	}
}

func (c *callTimer) stop() {
	for _, t := range []*time.Timer{c.idle, c.whole} {
		if t != nil {
			t.Stop()
		}
	}
	c.cancel(nil)
}

// cause returns the timeout if err is due to it, and err otherwise.
func (c *callTimer) cause(err error) error {
	if t, ok := errors.AsType[*TimeoutError](context.Cause(c.ctx)); ok && errors.Is(err, context.Canceled) {
		return t
	}
	return err
}
