package proxy

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/auth"
	"mcpproxy/auth/vault"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/mcptool"
	"mcpproxy/upstream"
	"mcpproxy/upstream/raw"
)

// A code tells errors apart for a model, and stays.
type code string

const (
	codeBadRequest       code = "bad_request"
	codeUnknownAction    code = "unknown_action"
	codeUnknownServer    code = "unknown_server"
	codeUnknownTool      code = "unknown_tool"
	codeAmbiguousTool    code = "ambiguous_tool"
	codeBlocked          code = "blocked"
	codeInvalidArguments code = "invalid_arguments"
	codeUnavailable      code = "unavailable"
	codeStarting         code = "starting"
	codeCoolingDown      code = "cooling_down"
	codeInterrupted      code = "interrupted"
	codeTimeout          code = "timeout"
	codeUntrusted        code = "untrusted"
	codeDisabled         code = "disabled"
	codeConfig           code = "config"
	codeNeedsAuth        code = "needs_auth"
	codeLoginPending     code = "login_pending"
	codeLoginFailed      code = "login_failed"
	codeResultExpired    code = "result_expired"
	codeUpstreamError    code = "upstream_error"
)

// An explanation is an error as the model reads it: what happened, and one way
// on.
type explanation struct {
	Code      code            `json:"code"`
	Message   string          `json:"message"`
	Data      json.RawMessage `json:"data,omitempty"` // of an upstream's error
	Stage     upstream.Stage  `json:"stage,omitempty"`
	Path      string          `json:"path,omitempty"`
	Signature string          `json:"signature,omitempty"`
	Near      []string        `json:"nearest,omitempty"`
	Retry     int             `json:"retry_in_seconds,omitempty"`
	Exit      string          `json:"exit,omitempty"`
	Stderr    string          `json:"stderr,omitempty"`
	Next      string          `json:"next"`
}

// noteKey is the _meta entry under which repairs are told.
const noteKey = "mcpproxy/note"

// text makes a result of one text block, with the repairs noted.
func text(s string, notes []string) *mcp.CallToolResult {
	r := &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: s}}}
	if len(notes) > 0 {
		r.Meta = mcp.Meta{noteKey: strings.Join(notes, "; ")}
	}
	return r
}

// object is text for a value that is told as JSON.
func object(v any, notes []string) *mcp.CallToolResult { return text(string(raw.Encode(v)), notes) }

// fail makes a result of an error of a request for the server, if one was found.
func (v *View) fail(s *config.Server, err error, notes []string) *mcp.CallToolResult {
	r := object(map[string]explanation{"error": v.explain(s, err)}, notes)
	r.IsError = true
	return r
}

// A serverItem is a server in the answer to list_servers.
type serverItem struct {
	Name        string          `json:"name"`
	Status      upstream.Status `json:"status"`
	Transport   string          `json:"transport,omitempty"`
	ToolsCount  *int            `json:"tools_count,omitempty"`
	Description string          `json:"description,omitempty"`
	Next        string          `json:"next,omitempty"` // set if the server cannot be used as it is
}

// answerListServers answers from the configuration and the catalogue. It touches no
// server, but may ask the index of credentials.
func (v *View) answerListServers() any {
	items, infos := []serverItem{}, v.catalog().Infos()
	for _, s := range v.config.Servers {
		c := v.condition(s)
		item := serverItem{
			Name: s.Name, Status: c.status, Transport: s.Entry.Type,
			ToolsCount: v.toolsCount(s, infos), Description: summary(s, infos),
		}
		if c.err != nil {
			item.Next = v.nextAfter(s, c.status, c.stage, c.err)
		}
		items = append(items, item)
	}
	return struct {
		Servers  []serverItem    `json:"servers"`
		Problems []ConfigProblem `json:"problems,omitempty"`
	}{items, v.Problems()}
}

// answerStatus answers status.
func (v *View) answerStatus(s *config.Server) any {
	type item struct {
		ServerStatus
		Next string `json:"next,omitempty"`
	}
	items := []item{}
	for _, st := range v.Status(s) {
		items = append(items, item{st, v.nextOf(st)})
	}
	return struct {
		Servers  []item          `json:"servers"`
		Problems []ConfigProblem `json:"problems,omitempty"`
	}{items, v.Problems()}
}

// A missingServer is an Unavailable with the way on.
type missingServer struct {
	Unavailable
	Next string `json:"next"`
}

func (v *View) missing(list []Unavailable) (items []missingServer) {
	for _, u := range list {
		items = append(items, missingServer{u, v.nextListing(u)})
	}
	return items
}

// answerListTools answers list_tools.
func (v *View) answerListTools(ctx context.Context, s *config.Server, cursor string) (any, error) {
	page, err := v.page(ctx, s, cursor)
	if err != nil {
		return nil, err
	}
	return struct {
		ToolPage
		Unavailable []missingServer `json:"unavailable,omitempty"`
		More        int             `json:"unavailable_more,omitempty"`
	}{page, v.missing(page.Unavailable), page.More}, nil
}

// answerSearchTools answers search_tools.
func (v *View) answerSearchTools(ctx context.Context, s *config.Server, r mcptool.Request) (any, error) {
	hits, err := v.SearchTools(ctx, s, r.Query, r.Limit)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(hits.Tools) == 0 {
		next = nextSearch(r.Server)
	}
	return struct {
		ToolHits
		Unavailable []missingServer `json:"unavailable,omitempty"`
		More        int             `json:"unavailable_more,omitempty"`
		Next        string          `json:"next,omitempty"`
	}{hits, v.missing(hits.Unavailable), hits.More, next}, nil
}

// A loginAnswer tells a model how the person logs in.
type loginAnswer struct {
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

// answerLogin is how the model shows a login, or learns that the host does.
func answerLogin(l *auth.Login, link linkPlace) loginAnswer {
	a := loginAnswer{Server: l.Server, ExpiresIn: secondsUntil(l.Expires), Next: nextLogin(l, link)}
	switch {
	case link != linkInReply:
		a.Flow = "elicitation"
	case l.Flow == vault.DeviceFlow:
		a.Flow, a.UserCode = "device", l.UserCode
		a.VerificationURL, a.VerificationURLComplete = l.VerificationURL, l.VerificationURLComplete
	default:
		a.Flow, a.AuthorizeURL, a.State = "paste", l.AuthorizeURL, l.State
	}
	return a
}
