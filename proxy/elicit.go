package proxy

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/auth"
	"mcpproxy/proxy/mcptool"
	"mcpproxy/upstream/raw"
)

// elicitationID names the request for input within one answer of ours.
const elicitationID = "login"

// shownWithin is how long a host may take to say that it cannot show a link.
const shownWithin = 500 * time.Millisecond

// login begins a login. Where the host can open a link itself (URL mode
// elicitation, MCP 2025-11-25, client/elicitation), it need not pass through
// the conversation. It never waits for the person.
func (h *responder) login(ctx context.Context, v *View, r *mcptool.Request, req *mcp.CallToolRequest) (mcp.Result, error) {
	if answer, ok := req.Params.InputResponses[elicitationID]; ok {
		return h.elicited(r, answer)
	}
	l, err := v.Login(ctx, v.placed(*r), auth.LoginOptions{Scopes: r.Scopes()})
	if err != nil {
		return nil, err
	}
	caps := req.ClientCapabilities()
	if caps == nil || caps.Elicitation == nil || caps.Elicitation.URL == nil {
		return object(answerLogin(l, false), r.Notes), nil
	}
	url, message := promptToOpen(l)
	params := &mcp.ElicitParams{Mode: "url", URL: url, Message: message, ElicitationID: rand.Text()}
	if req.ProtocolVersion() >= statelessEra {
		return h.askForInput(params), nil
	}
	return object(answerLogin(l, h.show(req.Session, l, params)), r.Notes), nil
}

// askForInput answers with a request for input (MCP 2026-07-28, multi
// round-trip requests): the host shows the link and repeats the call.
func (h *responder) askForInput(params *mcp.ElicitParams) mcp.Result {
	return h.conn.Result(fmt.Appendf(nil, `{"resultType":"input_required","inputRequests":%s,"_meta":{%q:%s}}`,
		raw.Encode(mcp.InputRequestMap{elicitationID: params}), mcp.MetaKeyServerInfo, raw.Encode(h.self)))
}

// elicited is the repeated call: the host says what came of the link.
func (h *responder) elicited(r *mcptool.Request, answer mcp.InputResponse) (mcp.Result, error) {
	l := h.session.newestLogin(r.Server)
	if e, ok := answer.(*mcp.ElicitResult); ok && e.Action != "accept" {
		if l != nil {
			l.Cancel()
		}
		return nil, &ServerError{Server: r.Server, Err: &auth.LoginError{Server: r.Server, Reason: auth.Denied}}
	}
	if l == nil {
		return nil, &ServerError{Server: r.Server, Err: &auth.LoginError{Server: r.Server, Reason: auth.NoLogin}}
	}
	return object(answerLogin(l, true), r.Notes), nil
}

// show asks the host to show the link, without waiting for the person. It
// reports whether the host did not refuse at once.
func (h *responder) show(host *mcp.ServerSession, l *auth.Login, params *mcp.ElicitParams) bool {
	refused := make(chan struct{})
	h.session.start(func() {
		ctx, cancel := context.WithDeadline(h.ctx, l.Expires)
		defer cancel()
		answer, err := host.Elicit(ctx, params)
		switch {
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		case err != nil:
			close(refused)
		case answer.Action != "accept":
			l.Cancel()
		}
	})
	t := time.NewTimer(shownWithin)
	defer t.Stop()
	select {
	case <-refused:
		return false
	case <-t.C:
		return true
	}
}
