package proxy

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/auth"
	"mcpproxy/auth/vault"
	"mcpproxy/proxy/mcptool"
	"mcpproxy/upstream/raw"
)

// A LoginReply tells a model how the person logs in.
type LoginReply struct {
	Server                  string `json:"server"`
	Flow                    string `json:"flow"` // device, paste or elicitation
	UserCode                string `json:"user_code,omitempty"`
	VerificationURL         string `json:"verification_url,omitempty"`
	VerificationURLComplete string `json:"verification_url_complete,omitempty"`
	AuthorizeURL            string `json:"authorize_url,omitempty"`
	State                   string `json:"state,omitempty"`
	ExpiresIn               int    `json:"expires_in"` // seconds
	Next                    string `json:"next"`
}

// loginReply is how the model shows a login whose link the host does not.
func loginReply(l *auth.Login) LoginReply {
	r := LoginReply{Server: l.Server, Flow: "paste", AuthorizeURL: l.AuthorizeURL, State: l.State, ExpiresIn: secondsUntil(l.Expires)}
	after := " Then repeat what needed the login."
	switch {
	case l.Flow == vault.DeviceFlow:
		r = LoginReply{
			Server: l.Server, Flow: "device", ExpiresIn: r.ExpiresIn,
			UserCode: l.UserCode, VerificationURL: l.VerificationURL, VerificationURLComplete: l.VerificationURLComplete,
			Next: "ask the person to open verification_url and to enter user_code there; the login finishes by itself." + after,
		}
	case l.CallbackError == nil:
		r.Next = "ask the person to open authorize_url; if that browser is on this machine, the login finishes by itself; if it lands on a page that does not load, " +
			"ask for the URL in its address bar and " + say(mcptool.Request{Action: mcptool.CompleteLogin, Server: l.Server, RedirectURL: "URL"}) + "." + after
	default:
		r.Next = "ask the person to open authorize_url and to give you the URL that the browser lands on, even if that page does not load; " +
			say(mcptool.Request{Action: mcptool.CompleteLogin, Server: l.Server, RedirectURL: "URL"}) + "." + after
	}
	return r
}

// landing returns what the person has to open.
func landing(l *auth.Login) (url, message string) {
	if l.Flow == vault.DeviceFlow {
		if l.VerificationURLComplete != "" {
			return l.VerificationURLComplete, fmt.Sprintf("Log in to %s. The code is %s.", l.Server, l.UserCode)
		}
		return l.VerificationURL, fmt.Sprintf("Log in to %s with the code %s.", l.Server, l.UserCode)
	}
	return l.AuthorizeURL, fmt.Sprintf("Log in to %s.", l.Server)
}

// elicitationID names the request for input within one answer of ours.
const elicitationID = "login"

// shownWithin is how long a host may take to say that it cannot show a link.
const shownWithin = 500 * time.Millisecond

// login begins a login. Where the host can open a link itself (URL mode
// elicitation, MCP 2025-11-25, client/elicitation), it need not pass through
// the conversation. It never waits for the person.
func (h *session) login(ctx context.Context, r mcptool.Request, req *mcp.CallToolRequest) mcp.Result {
	if answer, ok := req.Params.InputResponses[elicitationID]; ok {
		return h.elicited(r, answer)
	}
	l, err := h.proxy.Login(ctx, r.Server, auth.LoginOptions{Scopes: r.Scopes()})
	if err != nil {
		return h.proxy.fail(err, r.Notes)
	}
	caps := req.ClientCapabilities()
	if caps == nil || caps.Elicitation == nil || caps.Elicitation.URL == nil {
		return text(string(raw.Encode(loginReply(l))), r.Notes)
	}
	url, message := landing(l)
	params := &mcp.ElicitParams{Mode: "url", URL: url, Message: message, ElicitationID: rand.Text()}
	if req.ProtocolVersion() >= statelessEra {
		return h.askForInput(params)
	}
	if !h.show(req.Session, l, params) {
		return text(string(raw.Encode(loginReply(l))), r.Notes)
	}
	return text(string(raw.Encode(elicitationReply(l))), r.Notes)
}

func elicitationReply(l *auth.Login) LoginReply {
	return LoginReply{
		Server: l.Server, Flow: "elicitation", ExpiresIn: secondsUntil(l.Expires),
		Next: "the person is being shown the link; the login finishes by itself. Repeat what needed the login in a moment.",
	}
}

// askForInput answers with a request for input (MCP 2026-07-28, multi
// round-trip requests): the host shows the link and repeats the call.
func (h *session) askForInput(params *mcp.ElicitParams) mcp.Result {
	asked := raw.Encode(mcp.InputRequestMap{elicitationID: params})
	raw := fmt.Appendf(nil, `{"resultType":"input_required","inputRequests":%s,"_meta":{%q:%s}}`,
		asked, mcp.MetaKeyServerInfo, raw.Encode(h.self))
	return h.conn.Result(raw)
}

// elicited is the repeated call: the host says what came of the link.
func (h *session) elicited(r mcptool.Request, answer mcp.InputResponse) mcp.Result {
	l := h.proxy.newest(r.Server)
	if e, ok := answer.(*mcp.ElicitResult); ok && e.Action != "accept" {
		if l != nil {
			l.Cancel()
		}
		return h.proxy.fail(&ServerError{Server: r.Server, Err: &auth.LoginError{Server: r.Server, Reason: auth.Denied}}, r.Notes)
	}
	if l == nil {
		return h.proxy.fail(&ServerError{Server: r.Server, Err: &auth.LoginError{Server: r.Server, Reason: auth.NoLogin}}, r.Notes)
	}
	return text(string(raw.Encode(elicitationReply(l))), r.Notes)
}

// show asks the host to show the link, without waiting for the person. It
// reports whether the host did not refuse at once.
func (h *session) show(session *mcp.ServerSession, l *auth.Login, params *mcp.ElicitParams) bool {
	refused := make(chan struct{})
	h.proxy.watch(func() {
		ctx, cancel := context.WithDeadline(h.ctx, l.Expires)
		defer cancel()
		answer, err := session.Elicit(ctx, params)
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

// complete finishes a login with what the person pasted.
func (p *Proxy) complete(ctx context.Context, r mcptool.Request) (json.RawMessage, error) {
	if err := p.CompleteLogin(ctx, r.Server, r.RedirectURL); err != nil {
		return nil, err
	}
	return raw.Encode(struct {
		OK     bool   `json:"ok"`
		Server string `json:"server"`
	}{true, r.Server}), nil
}
