package proxy

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/auth"
	"mcpproxy/auth/egress"
	"mcpproxy/auth/vault"
	"mcpproxy/catalog/clean"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/mcptool"
	"mcpproxy/proxy/results"
	"mcpproxy/upstream"
	"mcpproxy/upstream/child"
	"mcpproxy/upstream/raw"
)

// noteKey is the _meta entry under which repairs are told.
const noteKey = "mcpproxy/note"

// maxMessage bounds an error's message, in characters.
const maxMessage = 600

// The codes of errors, as the model reads them.
const (
	codeBadRequest       = "bad_request"
	codeUnknownAction    = "unknown_action"
	codeUnknownServer    = "unknown_server"
	codeUnknownTool      = "unknown_tool"
	codeAmbiguousTool    = "ambiguous_tool"
	codeBlocked          = "blocked"
	codeInvalidArguments = "invalid_arguments"
	codeUnavailable      = "unavailable"
	codeStarting         = "starting"
	codeCoolingDown      = "cooling_down"
	codeInterrupted      = "interrupted"
	codeTimeout          = "timeout"
	codeUntrusted        = "untrusted"
	codeDisabled         = "disabled"
	codeConfig           = "config"
	codeNeedsAuth        = "needs_auth"
	codeLoginPending     = "login_pending"
	codeLoginFailed      = "login_failed"
	codeResultExpired    = "result_expired"
)

// A failure is an error as the model reads it: what happened, and one way on.
type failure struct {
	Code      string         `json:"code"`
	Message   string         `json:"message"`
	Stage     upstream.Stage `json:"stage,omitempty"`
	Path      string         `json:"path,omitempty"`
	Signature string         `json:"signature,omitempty"`
	Near      []string       `json:"nearest,omitempty"`
	Retry     int            `json:"retry_in_seconds,omitempty"`
	Exit      string         `json:"exit,omitempty"`
	Stderr    string         `json:"stderr,omitempty"`
	Next      string         `json:"next"`
}

// explain tells the model about an error. This is the one place that does.
func (p *Proxy) explain(err error) failure {
	if err == nil {
		return failure{}
	}
	f := p.explainRequest(err)
	if f.Code == "" {
		f = p.explainServer(err)
	}
	if f.Code == "" {
		f = p.explainAuth(err)
	}
	if f.Code == "" {
		f = p.explainUpstream(err)
	}
	if f.Message == "" {
		f.Message = err.Error()
	}
	f.Message = clean.Line(p.opts.Redactor.Redact(f.Message), maxMessage)
	f.Stderr = cleanText(p.opts.Redactor.Redact(f.Stderr), maxMessage)
	return f
}

// explainRequest is about what the model asked for.
func (p *Proxy) explainRequest(err error) failure {
	switch e := innermost(err).(type) {
	case *mcptool.RequestError:
		if e.OfArguments() {
			return failure{Code: codeInvalidArguments, Next: say(wayOn(e))}
		}
		return failure{Code: codeBadRequest, Next: say(wayOn(e))}
	case *mcptool.UnknownActionError:
		return failure{Code: codeUnknownAction, Near: e.Near, Next: say(mcptool.Request{Action: mcptool.Help})}
	case *mcptool.UnknownServerError:
		if len(e.Near) == 0 {
			return failure{Code: codeUnknownServer, Next: say(mcptool.Request{Action: mcptool.ListServers})}
		}
		return failure{Code: codeUnknownServer, Near: e.Near, Next: say(mcptool.Request{Action: mcptool.ListTools, Server: e.Near[0]})}
	case *mcptool.UnknownToolError:
		f := failure{Code: codeUnknownTool, Near: e.Near}
		switch {
		case e.Server == "":
			f.Next = say(mcptool.Request{Action: mcptool.ListTools})
		case len(e.Near) == 0:
			f.Next = say(mcptool.Request{Action: mcptool.ListTools, Server: e.Server})
		default:
			f.Next = say(mcptool.Request{Action: mcptool.DescribeTool, Server: e.Server, Tool: e.Near[0]})
		}
		return f
	case *mcptool.AmbiguousError:
		f := failure{Code: codeAmbiguousTool, Near: e.Could}
		if e.Kind == "server" {
			f.Code = codeBadRequest
		}
		f.Next = "repeat the request and name the " + e.Kind + " exactly: one of those under nearest"
		if e.Kind == "tool" {
			f.Next = "repeat the request with server and tool set to one of those under nearest (server/tool)"
		}
		return f
	case *BlockedError:
		return failure{Code: codeBlocked, Next: "only the person can change tool_filter; for the tools that are open, " +
			say(mcptool.Request{Action: mcptool.ListTools, Server: e.Server})}
	case *results.ExpiredError:
		return failure{Code: codeResultExpired, Next: "if the tool only reads, call it again; a stored result lasts until this proxy ends or newer ones need the room"}
	case *ArgumentsError:
		return failure{Code: codeInvalidArguments, Path: e.Err.Path, Signature: e.Signature,
			Next: "correct the arguments and call again; for the whole input schema " +
				say(mcptool.Request{Action: mcptool.DescribeTool, Server: e.Server, Tool: e.Tool})}
	}
	return failure{}
}

// explainServer is about servers that cannot be used as they are configured.
func (p *Proxy) explainServer(err error) failure {
	if e, ok := errors.AsType[*config.UntrustedError](err); ok {
		return failure{Code: codeUntrusted, Next: "ask the person to look at that project's .proxy/mcp.json and, if it is fine, to run: proxy trust " + shellQuote(e.Dir)}
	}
	if e, ok := errors.AsType[*config.DisabledError](err); ok {
		return failure{Code: codeDisabled, Next: fmt.Sprintf("ask the person to remove \"disabled\" from %s in %s", e.Server, e.File)}
	}
	if e, ok := errors.AsType[*config.EntryError](err); ok {
		f := failure{Code: codeConfig, Stage: stageConfig, Next: "ask the person to correct the entry of " + e.Server}
		if v, ok := errors.AsType[*config.MissingVariableError](err); ok {
			f.Next = fmt.Sprintf("ask the person to set the environment variable %s where the host starts the proxy, or to give it a default in the entry of %s", v.Variable, e.Server)
		}
		if pr, ok := errors.AsType[*config.Problem](err); ok {
			if pr.File != "" {
				f.Next += " in " + pr.File
			}
			if pr.Hint != "" {
				f.Next += ": " + p.opts.Redactor.Redact(pr.Hint)
			}
		}
		return f
	}
	return failure{}
}

// explainAuth is about being allowed: what only the person can do.
func (p *Proxy) explainAuth(err error) failure {
	if e, ok := errors.AsType[*auth.NeedsAuthError](err); ok {
		return p.explainNeedsAuth(e)
	}
	if e, ok := errors.AsType[*auth.LoginError](err); ok {
		return explainLogin(e)
	}
	if e, ok := errors.AsType[*NoLoginError](err); ok {
		return failure{Code: codeConfig, Stage: stageAuth, Next: fmt.Sprintf(
			"nothing, if %s needs no login; else ask the person to add \"oauth\" to its entry in %s", e.Server, e.File)}
	}
	var server string
	if e, ok := errors.AsType[*ServerError](err); ok {
		server = e.Server
	}
	if e, ok := errors.AsType[*vault.Error](err); ok {
		f := failure{Code: codeUnavailable, Stage: stageAuth, Next: "ask the person to unlock the keyring, then repeat the request"}
		switch {
		case e.Op == "lock" && e.Reason == vault.Timeout:
			f.Next = "repeat the request in a minute; another proxy of the person is at work on this login"
		case e.Reason != vault.Locked && e.Reason != vault.Timeout:
			f.Next = "ask the person to run: proxy login " + shellQuote(server) + " (it mends what is damaged, or says what is missing)"
		}
		return f
	}
	if e, ok := errors.AsType[*auth.ForbiddenError](err); ok {
		return failure{Code: codeUnavailable, Stage: upstream.StageCall,
			Next: "another login does not help: tell the person that their account at " + e.Server + " lacks the permission"}
	}
	if e, ok := errors.AsType[*auth.RefreshError](err); ok {
		n := secondsUntil(e.RetryAt)
		return failure{Code: codeUnavailable, Stage: stageAuth, Retry: n, Next: fmt.Sprintf("repeat the same request in %d s; no new login is needed", n)}
	}
	if e, ok := errors.AsType[*egress.BlockedHostError](err); ok {
		return failure{Code: codeLoginFailed, Stage: stageAuth,
			Next: fmt.Sprintf("if the person trusts %s, they can allow it in the entry of %s: %s", e.Host, server, e.Line)}
	}
	if e, ok := errors.AsType[*auth.ClientRequiredError](err); ok {
		return failure{Code: codeLoginFailed, Stage: stageAuth, Next: fmt.Sprintf(
			"ask the person to register a client at %s with the redirect URL %s, and to write oauth.client_id and oauth.redirect_uri into the entry of %s", e.Issuer, e.RedirectURI, server)}
	}
	if _, ok := errors.AsType[*auth.ConfigError](err); ok {
		return failure{Code: codeConfig, Stage: stageAuth, Next: "ask the person to correct the entry of " + server}
	}
	for _, ok := range []bool{
		errors.As(err, new(*auth.DiscoveryError)), errors.As(err, new(*egress.BlockedAddressError)),
		errors.As(err, new(*auth.OAuthError)), errors.As(err, new(*auth.HTTPError)),
	} {
		if ok {
			return failure{Code: codeLoginFailed, Stage: stageAuth, Next: "ask the person to run: proxy login " + shellQuote(server)}
		}
	}
	return failure{}
}

func (p *Proxy) explainNeedsAuth(e *auth.NeedsAuthError) failure {
	login := mcptool.Request{Action: mcptool.Login, Server: e.Server}
	command := "proxy login " + shellQuote(e.Server)
	f := failure{Code: codeNeedsAuth, Stage: stageAuth, Message: e.Server + " needs the person to log in"}
	if e.Reason == auth.InsufficientScope {
		login.Scope = strings.Join(e.Scopes, " ")
		for _, scope := range e.Scopes {
			command += " --scope " + shellQuote(scope)
		}
		f.Message = fmt.Sprintf("%s needs the person to allow more: %s", e.Server, login.Scope)
	}
	if p.waiting(e.Server) {
		f.Code = codeLoginPending
		f.Message = "a login to " + e.Server + " waits for the person"
		f.Next = "ask the person to finish it, then repeat the request; for a new link " + say(login)
		return f
	}
	f.Next = say(login) + " and show the person the link; or ask them to run: " + command
	return f
}

func explainLogin(e *auth.LoginError) failure {
	f := failure{Code: codeLoginFailed, Stage: stageAuth, Next: say(mcptool.Request{Action: mcptool.Login, Server: e.Server}) + " for a new link"}
	switch e.Reason {
	case auth.WrongState, auth.BadRedirect:
		f.Next = "ask the person for the whole URL that the browser landed on after the newest link; the login still waits"
	case auth.NotByPaste:
		f.Code, f.Next = codeLoginPending, "nothing to paste: it finishes by itself when the person has entered the code"
	case auth.AlreadyFinished:
		f.Next = "repeat what needed the login"
	case auth.Denied:
		f.Next = "respect that; ask the person before another try"
	}
	return f
}

// explainUpstream is about reaching and calling an upstream.
func (p *Proxy) explainUpstream(err error) failure {
	var server, tool string
	if e, ok := errors.AsType[*ServerError](err); ok {
		server, tool = e.Server, e.Tool
	}
	status := say(mcptool.Request{Action: mcptool.Status, Server: server})
	again := "before you call it again, find out whether it did: the tool may have run"
	if e, ok := errors.AsType[*upstream.StartingError](err); ok {
		if e.FirstLine != "" {
			return failure{Code: codeStarting, Message: fmt.Sprintf("%s is %v; it printed %q instead of MCP", server, e, e.FirstLine),
				Next: "ask the person to check command and args in the entry of " + server}
		}
		return failure{Code: codeStarting, Message: server + " is " + e.Error(),
			Next: "the start goes on; repeat the same request in a few seconds"}
	}
	if e, ok := errors.AsType[*upstream.CoolingDownError](err); ok {
		n := secondsUntil(e.Until)
		return failure{Code: codeCoolingDown, Retry: n, Message: fmt.Sprintf("%s is left alone for a while after several faults in a row, the last one: %v", server, e.Last), Next: fmt.Sprintf("repeat the same request in %d s", n)}
	}
	if e, ok := errors.AsType[*upstream.StatusError](err); ok && (e.Code == http.StatusUnauthorized || e.Code == http.StatusForbidden) {
		return failure{Code: codeNeedsAuth, Stage: stageAuth, Message: fmt.Sprintf("%s refuses access (%v) and no login is configured for it", server, e),
			Next: "ask the person to add \"oauth\" or the right \"headers\" to the entry of " + server}
	}
	if e, ok := errors.AsType[*upstream.StartError](err); ok {
		return explainStart(server, e)
	}
	if _, ok := errors.AsType[*upstream.TimeoutError](err); ok {
		return failure{Code: codeTimeout, Stage: upstream.StageCall, Next: again}
	}
	if e, ok := errors.AsType[*upstream.InterruptedError](err); ok {
		return failure{Code: codeInterrupted, Stage: upstream.StageCall, Exit: e.ExitStatus, Stderr: e.Stderr,
			Message: "the connection to " + server + " broke during the call: the tool may have run", Next: again}
	}
	if errors.Is(err, upstream.ErrNotSent) {
		return failure{Code: codeUnavailable, Stage: upstream.StageCall,
			Message: "the request could not be sent to " + server + ": nothing ran", Next: "repeat the same request"}
	}
	if _, ok := errors.AsType[*upstream.InputRequiredError](err); ok {
		return failure{Code: codeUnavailable, Stage: upstream.StageCall,
			Next: "this tool asks its user for input, which cannot be passed on here; try another tool or ask the person"}
	}
	if e, ok := errors.AsType[*jsonrpc.Error](err); ok {
		if e.Code == jsonrpc.CodeInvalidParams {
			return failure{Code: codeInvalidArguments, Message: server + " refused the call: " + e.Message,
				Next: "correct the arguments and call again; for the input schema " +
					say(mcptool.Request{Action: mcptool.DescribeTool, Server: server, Tool: tool})}
		}
		return failure{Code: codeUnavailable, Stage: upstream.StageCall,
			Message: fmt.Sprintf("%s answered with error %d: %s", server, e.Code, e.Message), Next: status}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return failure{Code: codeInterrupted, Message: "the request was cancelled", Next: again}
	}
	return failure{Code: codeUnavailable, Stage: upstream.StageCall, Next: status}
}

func explainStart(server string, e *upstream.StartError) failure {
	f := failure{Code: codeUnavailable, Stage: e.Stage, Exit: e.ExitStatus, Stderr: e.Stderr}
	if missing, ok := errors.AsType[*child.NotFoundError](e); ok {
		f.Message = fmt.Sprintf("%s could not be started: the command %q was not found", server, missing.Command)
		f.Next = fmt.Sprintf("ask the person to install %s or to write its full path as command of %s in the configuration", missing.Command, server)
		return f
	}
	f.Message = fmt.Sprintf("%s could not be started: %v", server, e)
	if errors.As(e, new(*upstream.OriginError)) || errors.As(e, new(*child.WorkDirError)) {
		f.Next = "ask the person to correct the entry of " + server
		return f
	}
	if e.FirstLine != "" {
		f.Message = fmt.Sprintf("%s printed %q instead of MCP", server, e.FirstLine)
		f.Next = "ask the person to check command and args in the entry of " + server
		return f
	}
	if e.ExitStatus != "" {
		f.Message = fmt.Sprintf("%s ended during its start", server)
	}
	f.Next = "repeat the request; if it fails again, ask the person to run: proxy connect " + shellQuote(server)
	if e.Retry.After(time.Now()) {
		f.Retry = secondsUntil(e.Retry)
		f.Next = strings.Replace(f.Next, "request;", fmt.Sprintf("request in %d s;", f.Retry), 1)
	}
	return f
}

func secondsUntil(t time.Time) int {
	return max(1, int(math.Ceil(time.Until(t).Seconds())))
}

// innermost returns what a ServerError holds.
func innermost(err error) error {
	if e, ok := err.(*ServerError); ok {
		return e.Err
	}
	return err
}

// say writes a request as the next thing to do.
func say(r mcptool.Request) string { return "call mcp with " + string(raw.Encode(r)) }

// wayOn is the request that helps after one that could not be read.
func wayOn(e *mcptool.RequestError) mcptool.Request {
	switch {
	case e.Field == "query" && e.Action == mcptool.SearchTools:
		return mcptool.Request{Action: mcptool.SearchTools, Query: "create an issue"}
	case e.ResultID != "" && e.Field != "result_id":
		return mcptool.Request{Action: mcptool.ReadResult, ResultID: e.ResultID}
	case e.Field == "cursor":
		return mcptool.Request{Action: mcptool.ListTools, Server: e.Server}
	case e.Field == "server":
		return mcptool.Request{Action: mcptool.ListServers}
	case e.Field == "tool" && e.Server != "":
		return mcptool.Request{Action: mcptool.ListTools, Server: e.Server}
	case e.Server != "" && e.Tool != "":
		return mcptool.Request{Action: mcptool.DescribeTool, Server: e.Server, Tool: e.Tool}
	}
	return mcptool.Request{Action: mcptool.Help}
}

// nextPart says how the rest of a stored result is read.
func nextPart(h results.Handle) string {
	choose := say(mcptool.Request{Action: mcptool.ReadResult, ResultID: h.ID, Select: "keys(@)"})
	switch {
	case h.ID == "":
		return "the rest could not be stored; call the tool again so that it returns less"
	case h.Type != "":
		return "too large for a reply; select from its JSON: " + choose
	case h.Structured && h.Total == int64(len(h.Head)):
		return "head is all of the text; select from the structured content, which is left out: " + choose
	}
	return "read on: " + say(mcptool.Request{Action: mcptool.ReadResult, ResultID: h.ID, Offset: int64(len(h.Head))}) +
		"; or give grep (RE2) or select (JMESPath) instead of offset"
}

// text makes a result of one text block, with the repairs noted.
func text(s string, notes []string) *mcp.CallToolResult {
	r := &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: s}}}
	if len(notes) > 0 {
		r.Meta = mcp.Meta{noteKey: strings.Join(notes, "; ")}
	}
	return r
}

// fail makes a result of an error.
func (p *Proxy) fail(err error, notes []string) *mcp.CallToolResult {
	r := text(string(raw.Encode(map[string]failure{"error": p.explain(err)})), notes)
	r.IsError = true
	return r
}
