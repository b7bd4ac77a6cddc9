package proxy

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/auth"
	"mcpproxy/proxy/host"
	"mcpproxy/proxy/mcptool"
	"mcpproxy/upstream/raw"
)

// A linkPlace is where the person finds the link of a login.
type linkPlace int

const (
	linkInReply  linkPlace = iota // the model passes it on
	linkAskedFor                  // the host was asked to show it, and has not answered
	linkShown                     // the host shows it
	linkDeclined                  // the person does not want it
)

// elicitationID names the request for input within one answer of ours.
const elicitationID = "login"

// shownWithin is how long a host may take to say that it cannot show a link.
const shownWithin = 500 * time.Millisecond

// login begins a login. Where the host can open a link itself (URL mode
// elicitation, MCP 2025-11-25, client/elicitation), it need not pass through
// the conversation. It never waits for the person. req is nil if it is not known
// what the host can.
func (h *responder) login(ctx context.Context, v *View, r *mcptool.Request, req *mcp.CallToolRequest) (mcp.Result, error) {
	if req != nil {
		if answer, ok := req.Params.InputResponses[elicitationID]; ok {
			return h.elicited(r, answer)
		}
	}
	l, err := v.Login(ctx, v.placed(*r), auth.LoginOptions{Scopes: r.Scopes()})
	if err != nil {
		return nil, err
	}
	var caps *mcp.ClientCapabilities
	if req != nil {
		caps = req.ClientCapabilities()
	}
	if caps == nil || caps.Elicitation == nil || caps.Elicitation.URL == nil || !h.session.mayShow(l.Server) {
		return object(answerLogin(l, linkInReply), r.Notes), nil
	}
	url, message := promptToOpen(l)
	params := &mcp.ElicitParams{Mode: "url", URL: url, Message: message, ElicitationID: rand.Text()}
	if req.ProtocolVersion() >= host.Stateless {
		return h.askForInput(params), nil
	}
	place := h.show(req.Session, l, params)
	if place == linkDeclined {
		return nil, declined(l.Server)
	}
	return object(answerLogin(l, place), r.Notes), nil
}

// declined is the error of a login whose link the person has declined or
// dismissed.
func declined(server string) error {
	return &ServerError{Server: server, Err: &auth.LoginError{Server: server, Reason: auth.Denied}}
}

// mayShow reports whether the host is asked to show a link for a login to the
// server. If it refused one, or has left one for that server without an answer,
// or the person has declined it, a model that asks again gets the link itself.
func (s *Session) mayShow(server string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.noLinks && !s.unseen[server]
}

// asked notes that the host was asked to show a link for the server.
func (s *Session) asked(server string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unseen[server] = true
}

// agreed notes whether the host could show the link.
func (s *Session) agreed(server string, shows bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if shows {
		delete(s.unseen, server)
		return
	}
	s.noLinks = true
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
			h.session.asked(l.Server)
			l.Cancel()
		}
		return nil, declined(r.Server)
	}
	if l == nil {
		return nil, &ServerError{Server: r.Server, Err: &auth.LoginError{Server: r.Server, Reason: auth.NoLogin}}
	}
	return object(answerLogin(l, linkShown), r.Notes), nil
}

// show asks the host to show the link, without waiting for the person, and
// returns what is known of it soon. A host may refuse later.
func (h *responder) show(host *mcp.ServerSession, l *auth.Login, params *mcp.ElicitParams) linkPlace {
	h.session.asked(l.Server)
	known := make(chan linkPlace, 1)
	h.session.start(func() {
		ctx, cancel := context.WithDeadline(h.ctx, l.Expires)
		defer cancel()
		answer, err := host.Elicit(ctx, params)
		switch {
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		case err != nil:
			h.session.agreed(l.Server, false)
			known <- linkInReply
		case answer.Action != "accept":
			l.Cancel()
			known <- linkDeclined
		default:
			h.session.agreed(l.Server, true)
			known <- linkShown
		}
	})
	t := time.NewTimer(shownWithin)
	defer t.Stop()
	select {
	case place := <-known:
		return place
	case <-t.C:
		return linkAskedFor
	}
}
