package proxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy/proxy/config"
	"mcpproxy/proxy/mcptool"
	"mcpproxy/proxy/results"
	"mcpproxy/upstream"
	"mcpproxy/upstream/child"
	"mcpproxy/upstream/raw"
)

// This file, with replylogin.go for logins, is the one place with advice for the
// model: each error gets a stable code and one next step. The facts come from
// elsewhere.

// explain tells the model about an error of a request for the server, which is
// nil if none was found.
func (v *View) explain(s *config.Server, err error) explanation {
	f, pending := v.factsOf(s, err)
	for _, advise := range []func(error) (explanation, bool){
		adviseOnRequest, v.adviseOnConfig,
		func(err error) (explanation, bool) { return adviseOnNeedsAuth(pending, err) },
		adviseOnLogin, adviseOnUpstream,
	} {
		e, ok := advise(err)
		if !ok {
			continue
		}
		e.Message, e.Stage, e.Exit, e.Stderr, e.Data = f.Message, f.Stage, f.Exit, f.Stderr, v.maskedData(e.Data)
		return e
	}
	return explanation{
		Code: codeUnavailable, Message: f.Message, Stage: f.Stage, Exit: f.Exit, Stderr: f.Stderr,
		Next: nextStatus(err),
	}
}

// adviseOnRequest is about what the model asked for.
func adviseOnRequest(err error) (explanation, bool) {
	if e, ok := errors.AsType[*mcptool.RequestError](err); ok {
		if e.OfArguments() {
			return explanation{Code: codeInvalidArguments, Next: nextCall(mend(e))}, true
		}
		next := nextCall(mend(e))
		if e.Field == "select" && e.ResultID != "" {
			next = "select less of it, or read it by offset or grep: " + next
		}
		return explanation{Code: codeBadRequest, Next: next}, true
	}
	if e, ok := errors.AsType[*ArgumentsError](err); ok {
		return explanation{Code: codeInvalidArguments, Path: e.Err.Path, Signature: e.Signature,
			Next: "correct the arguments and call again; for the whole input schema " +
				nextCall(mcptool.Request{Action: mcptool.DescribeTool, Server: e.Server, Tool: e.Tool})}, true
	}
	if e, ok := errors.AsType[*BlockedError](err); ok {
		return explanation{Code: codeBlocked, Next: "only the person can change tool_filter; for the tools that are open, " +
			nextCall(mcptool.Request{Action: mcptool.ListTools, Server: e.Server})}, true
	}
	if is[*results.ExpiredError](err) {
		return explanation{Code: codeResultExpired,
			Next: "if the tool only reads, call it again; a stored result lasts until this proxy ends or newer ones need the room"}, true
	}
	return adviseOnNames(err)
}

// adviseOnNames is about names that are not known, or could mean several things.
func adviseOnNames(err error) (explanation, bool) {
	if e, ok := errors.AsType[*mcptool.UnknownActionError](err); ok {
		return explanation{Code: codeUnknownAction, Near: e.Near, Next: nextCall(mcptool.Request{Action: mcptool.Help})}, true
	}
	if e, ok := errors.AsType[*mcptool.UnknownServerError](err); ok {
		next := mcptool.Request{Action: mcptool.ListServers}
		if len(e.Near) > 0 {
			next = mcptool.Request{Action: mcptool.ListTools, Server: e.Near[0]}
		}
		return explanation{Code: codeUnknownServer, Near: e.Near, Next: nextCall(next)}, true
	}
	if e, ok := errors.AsType[*mcptool.UnknownToolError](err); ok {
		next := mcptool.Request{Action: mcptool.ListTools, Server: e.Server}
		if e.Server != "" && len(e.Near) > 0 {
			next = mcptool.Request{Action: mcptool.DescribeTool, Server: e.Server, Tool: e.Near[0]}
		}
		return explanation{Code: codeUnknownTool, Near: e.Near, Next: nextCall(next)}, true
	}
	if e, ok := errors.AsType[*mcptool.AmbiguousError](err); ok {
		if e.Kind == mcptool.AmbiguousTool {
			return explanation{Code: codeAmbiguousTool, Near: e.Could,
				Next: "repeat the request with server and tool set to one of those under nearest (server/tool)"}, true
		}
		return explanation{Code: codeBadRequest, Near: e.Could,
			Next: "repeat the request and name the server exactly: one of those under nearest"}, true
	}
	return explanation{}, false
}

// adviseOnConfig is about servers that cannot be used as they are configured.
func (v *View) adviseOnConfig(err error) (explanation, bool) {
	if e, ok := errors.AsType[*config.UntrustedError](err); ok {
		return explanation{Code: codeUntrusted, Next: "ask the person to look at that project's .proxy/mcp.json and, if it is fine, to run: " + CommandLine("trust", e.Dir)}, true
	}
	if e, ok := errors.AsType[*config.DisabledError](err); ok {
		return explanation{Code: codeDisabled, Next: fmt.Sprintf("ask the person to remove \"disabled\" from %s in %s", e.Server, e.File)}, true
	}
	e, ok := errors.AsType[*config.EntryError](err)
	if !ok {
		return explanation{}, false
	}
	next := "ask the person to correct the entry of " + e.Server
	if m, ok := errors.AsType[*config.MissingVariableError](err); ok {
		next = fmt.Sprintf("ask the person to set the environment variable %s where the host starts the proxy, or to give it a default in the entry of %s", m.Variable, e.Server)
	}
	if pr, ok := errors.AsType[*config.Problem](err); ok {
		if pr.File != "" {
			next += " in " + pr.File
		}
		if pr.Hint != "" {
			next += ": " + v.session.proxy.opts.Redactor.Redact(pr.Hint)
		}
	}
	return explanation{Code: codeConfig, Next: next}, true
}

// checkFirst is the advice wherever a call may have been executed.
const checkFirst = "before you call it again, find out whether it did: the tool may have run"

// adviseOnUpstream is about reaching and calling an upstream.
func adviseOnUpstream(err error) (explanation, bool) {
	server, tool := whereOf(err)
	if e, ok := errors.AsType[*upstream.StartingError](err); ok {
		if e.FirstLine != "" {
			return explanation{Code: codeStarting, Next: nextCommand(server)}, true
		}
		if e.Stderr != "" {
			return explanation{Code: codeStarting, Next: "if stderr asks the person for something, such as to open a link, tell them; the start goes on: repeat the same request in a few seconds"}, true
		}
		return explanation{Code: codeStarting, Next: "the start goes on; repeat the same request in a few seconds"}, true
	}
	if e, ok := errors.AsType[*upstream.CoolingDownError](err); ok {
		n := secondsUntil(e.Until)
		return explanation{Code: codeCoolingDown, Retry: n, Next: fmt.Sprintf("repeat the same request in %d s", n)}, true
	}
	if _, ok := refusal(err); ok {
		return explanation{Code: codeNeedsAuth, Next: "ask the person to add \"oauth\" or the right \"headers\" to the entry of " + server}, true
	}
	if e, ok := errors.AsType[*upstream.RedirectError](err); ok {
		return explanation{Code: codeUnavailable, Next: fmt.Sprintf("ask the person to write %s as url of %s, if it is right", e.To, server)}, true
	}
	if e, ok := errors.AsType[*upstream.OriginError](err); ok {
		return explanation{Code: codeUnavailable, Next: fmt.Sprintf("ask the person to check url in the entry of %s: it leads to %s", server, e.Got)}, true
	}
	if e, ok := errors.AsType[*upstream.StartError](err); ok {
		return adviseOnStart(server, e), true
	}
	if is[*upstream.TimeoutError](err) {
		if !mayHaveRun(err) {
			return explanation{Code: codeTimeout, Next: "repeat the same request: no tool was called"}, true
		}
		return explanation{Code: codeTimeout, Next: checkFirst}, true
	}
	if is[*upstream.InterruptedError](err) {
		if !mayHaveRun(err) {
			return explanation{Code: codeUnavailable, Next: "repeat the same request: no tool was called"}, true
		}
		return explanation{Code: codeInterrupted, Next: checkFirst}, true
	}
	if is[*upstream.SizeError](err) && tool != "" {
		return explanation{Code: codeUnavailable, Next: "the tool has run; if it only reads, call it so that it returns less"}, true
	}
	if is[*ResultError](err) || is[*upstream.MalformedError](err) && tool != "" {
		return explanation{Code: codeUnavailable, Next: "do not repeat the call; find out what it did, and tell the person that " + server + " breaks the protocol"}, true
	}
	return adviseOnAnswer(err, server, tool)
}

// adviseOnAnswer is about what an upstream answered, or did not.
func adviseOnAnswer(err error, server, tool string) (explanation, bool) {
	if errors.Is(err, upstream.ErrNotSent) {
		return explanation{Code: codeUnavailable, Next: "repeat the same request"}, true
	}
	if is[*upstream.CutError](err) {
		return explanation{Code: codeUnavailable, Next: "the other tools of " + server + " cannot be used here; ask the person to let it offer fewer"}, true
	}
	if is[*upstream.InputRequiredError](err) {
		return explanation{Code: codeUnavailable, Next: "this tool asks its user for input, which cannot be passed on here; try another tool or ask the person"}, true
	}
	if is[*upstream.LostError](err) {
		return explanation{Code: codeUpstreamError, Next: "the session is begun anew, and the tool has hardly run: repeat the same request"}, true
	}
	if e, ok := errors.AsType[*upstream.BusyError](err); ok {
		wait := adviseToWait(e.RetryAfter)
		wait.Code = codeUpstreamError
		return wait, true
	}
	if e, ok := errors.AsType[*jsonrpc.Error](err); ok && e.Code == jsonrpc.CodeInvalidParams {
		return explanation{Code: codeInvalidArguments, Next: "correct the arguments and call again; for the input schema " +
			nextCall(mcptool.Request{Action: mcptool.DescribeTool, Server: server, Tool: tool})}, true
	}
	if e, ok := errors.AsType[*jsonrpc.Error](err); ok {
		if link := linkOf(e); link != "" {
			return explanation{Code: codeUpstreamError, Data: boundedData(e.Data),
				Next: "ask the person to open " + link + " and to say when they are done there, then repeat the same request"}, true
		}
		return explanation{Code: codeUpstreamError, Data: boundedData(e.Data),
			Next: "act on what " + server + " says: correct the arguments, use another tool, or tell the person"}, true
	}
	if e, ok := errors.AsType[*upstream.StatusError](err); ok {
		return adviseOnStatus(server, tool, e)
	}
	if isCancelled(err) {
		return explanation{Code: codeInterrupted, Next: checkFirst}, true
	}
	return explanation{}, false
}

// adviseOnStatus is about HTTP answers that are no MCP, to a call if a tool is named.
func adviseOnStatus(server, tool string, e *upstream.StatusError) (explanation, bool) {
	advice := explanation{Code: codeUnavailable}
	switch busy := e.Code == http.StatusTooManyRequests || e.Code == http.StatusServiceUnavailable; {
	case e.RetryAfter > 0 && (busy || tool == ""):
		return adviseToWait(e.RetryAfter), true
	case tool != "" && !busy && mayFollowARun(e.Code):
		if e.RetryAfter > 0 {
			advice.Retry = secondsUntil(time.Now().Add(e.RetryAfter))
		}
		advice.Next = checkFirst
		if e.Code < http.StatusMultipleChoices && e.Page {
			advice.Next = "ask the person to check url in the entry of " + server + "; " + checkFirst
		}
	case e.Page, e.Code/100 == 3:
		advice.Next = "ask the person to check url in the entry of " + server
	case e.Words != "" && e.Code < http.StatusInternalServerError:
		advice.Next = "act on what " + server + " says, or tell the person"
	default:
		return explanation{}, false
	}
	return advice, true
}

// mayFollowARun reports whether an HTTP status says nothing of whether the request
// was carried out: a success, or a server or gateway that broke on it or gave it up.
func mayFollowARun(code int) bool {
	return code < http.StatusMultipleChoices || code >= http.StatusInternalServerError || code == http.StatusRequestTimeout
}

func adviseToWait(d time.Duration) explanation {
	n := secondsUntil(time.Now().Add(d))
	return explanation{Code: codeUnavailable, Retry: n, Next: fmt.Sprintf("repeat the same request in %d s", n)}
}

// maxData bounds what is passed on of the data of a server's error, in bytes.
const maxData = 4 << 10

func boundedData(data json.RawMessage) json.RawMessage {
	switch {
	case !json.Valid(data):
		return nil
	case len(data) > maxData:
		return raw.Encode(fmt.Sprintf("left out: %d bytes", len(data)))
	}
	return data
}

// maskedData masks secrets in the data of an error: in each string, however that is
// written, and where names or several strings show one.
func (v *View) maskedData(data json.RawMessage) json.RawMessage {
	redact := v.session.proxy.opts.Redactor.Redact
	data = raw.MapStrings(data, func(s string) string { return redact(s) })
	if masked := json.RawMessage(redact(string(data))); json.Valid(masked) {
		return masked
	}
	return data
}

func adviseOnStart(server string, e *upstream.StartError) explanation {
	if missing, ok := errors.AsType[*child.NotFoundError](e); ok {
		if advice := CommandAdvice(missing.Command); advice != "" {
			return explanation{Code: codeUnavailable, Next: fmt.Sprintf("ask the person to correct the entry of %s: %s", server, advice)}
		}
		return explanation{Code: codeUnavailable,
			Next: fmt.Sprintf("ask the person to install %s or to write its full path as command of %s in the configuration", missing.Command, server)}
	}
	if is[*child.WorkDirError](e) {
		return explanation{Code: codeUnavailable, Next: "ask the person to correct the entry of " + server}
	}
	if e.FirstLine != "" {
		return explanation{Code: codeUnavailable, Next: nextCommand(server)}
	}
	if status, ok := errors.AsType[*upstream.StatusError](e); ok && (status.Page || status.Code/100 == 3 || status.RetryAfter > 0) {
		advice, _ := adviseOnStatus(server, "", status)
		return advice
	}
	again := explanation{Code: codeUnavailable}
	when := ""
	if e.Retry.After(time.Now()) {
		again.Retry = secondsUntil(e.Retry)
		when = fmt.Sprintf(" in %d s", again.Retry)
	}
	again.Next = "repeat the request" + when + "; if it fails again, ask the person to run: " + CommandLine("connect", server)
	return again
}

func nextCommand(server string) string {
	return "ask the person to check command and args in the entry of " + server
}

func nextStatus(err error) string {
	server, _ := whereOf(err)
	return nextCall(mcptool.Request{Action: mcptool.Status, Server: server})
}

// nextCall writes a request as the next thing to do.
func nextCall(r mcptool.Request) string { return "call mcp with " + string(raw.Encode(r)) }

// mend is the request that helps after one that could not be read.
func mend(e *mcptool.RequestError) mcptool.Request {
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
	choose := nextCall(mcptool.Request{Action: mcptool.ReadResult, ResultID: h.ID, Select: "keys(@)"})
	switch {
	case h.ID == "":
		return "the rest could not be stored; call the tool again so that it returns less"
	case h.Type != "" && h.Total > results.MaxSelect:
		return "too large for a reply and for select; read its JSON in parts: " + nextCall(mcptool.Request{Action: mcptool.ReadResult, ResultID: h.ID, Limit: mcptool.MaxPage})
	case h.Type != "":
		return "too large for a reply; select from its JSON: " + choose
	case h.Structured && h.Total == int64(len(h.Head)):
		return "head is all of the text; select from the structured content, which is left out: " + choose
	}
	return "read on: " + nextCall(mcptool.Request{Action: mcptool.ReadResult, ResultID: h.ID, Offset: int64(len(h.Head))}) +
		"; or give grep (RE2) or select (JMESPath) instead of offset"
}

// nextSearch is the way on after a search that found nothing.
func nextSearch(server string) string {
	return "search with other words, or " + nextCall(mcptool.Request{Action: mcptool.ListTools, Server: server})
}

// nextListing is the way on to the tools of a server.
func (v *View) nextListing(u Unavailable) string {
	if u.Err == nil {
		return nextCall(mcptool.Request{Action: mcptool.ListTools, Server: u.Server})
	}
	return v.explain(u.server, u.Err).Next
}

// nextOf is the way on with a server that cannot be used as it is, or "".
func (v *View) nextOf(st ServerStatus) string {
	switch {
	case st.Err == nil:
		return ""
	case st.Breaker != nil:
		return fmt.Sprintf("repeat what you wanted in %d s", st.Breaker.Retry)
	}
	return v.nextAfter(st.server, st.Status, st.stage, st.Err)
}

// nextAfter is the way on with a server of that status after an error at that stage.
func (v *View) nextAfter(s *config.Server, status upstream.Status, stage upstream.Stage, err error) string {
	if stage == upstream.StageCall && (status == upstream.Connected || status == upstream.Idle) {
		return "call its tools; as for the call that failed: " + checkFirst
	}
	return v.explain(s, err).Next
}
