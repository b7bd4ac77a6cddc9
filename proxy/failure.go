package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
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
)

// maxMessage bounds an error's message, in characters.
const maxMessage = 600

// maxStderr bounds what a child said last, in characters. A link to log in must
// fit.
const maxStderr = 1200

// lastLines makes the last lines of a child harmless, and bounds them from their
// end.
func lastLines(text string) string {
	lines := strings.Split(cleanText(text, 0), "\n")
	first, size := len(lines), 0
	for first > 0 && size+len(lines[first-1]) <= maxStderr {
		first--
		size += len(lines[first]) + 1
	}
	if first == len(lines) { // the last alone is too long
		return cleanText(lines[first-1], maxStderr)
	}
	return strings.Join(lines[first:], "\n")
}

// failure states the facts of an error, with secrets masked. What to do about
// them is told elsewhere.
func (p *Proxy) failure(err error) Failure {
	f := whatOf(err)
	if f.Message == "" {
		f.Message = err.Error()
	}
	f.Message = clean.Line(p.opts.Redactor.Redact(f.Message), maxMessage)
	f.Stderr = lastLines(p.opts.Redactor.Redact(f.Stderr))
	return f
}

// factsOf is failure for a request for the server, which may be nil. A login
// that waits for the person, where one is needed, is a fact as well.
func (v *View) factsOf(s *config.Server, err error) (f Failure, pending bool) {
	f = v.session.proxy.failure(err)
	pending = is[*auth.NeedsAuthError](err) && v.loginPending(s)
	if pending {
		f.Message = "a login to " + s.Name + " waits for the person"
	}
	return f, pending
}

// whatOf returns where an error happened, and its message if that is not the
// error's own.
func whatOf(err error) Failure {
	if isOfRequest(err) {
		return Failure{}
	}
	if is[*config.EntryError](err) {
		return Failure{Stage: stageConfig}
	}
	if e, ok := errors.AsType[*auth.NeedsAuthError](err); ok {
		f := Failure{Stage: stageAuth, Message: e.Server + " needs the person to log in"}
		switch {
		case e.Reason == auth.Revoked && e.Err != nil:
			f.Message = fmt.Sprintf("%s needs the person to log in again: its authorization server refuses the login that is kept (%v)", e.Server, e.Err)
		case e.Reason == auth.Unusable && e.Err != nil:
			f.Message = fmt.Sprintf("%s needs the person to log in again: the login could not be refreshed (%v)", e.Server, e.Err)
		case e.Reason == auth.InsufficientScope:
			f.Message = fmt.Sprintf("%s needs the person to allow more: %s", e.Server, strings.Join(e.Scopes, " "))
		}
		return f
	}
	if e, ok := errors.AsType[*auth.ForbiddenError](err); ok {
		return Failure{Stage: upstream.StageCall, Message: forbidden(err, e)}
	}
	if isOfLogin(err) {
		return Failure{Stage: stageAuth, Message: loginMessage(err)}
	}
	return whatOfUpstream(err)
}

// isOfRequest reports errors of what was asked for, before anything was done
// about it.
func isOfRequest(err error) bool {
	return is[*mcptool.RequestError](err) || is[*mcptool.UnknownActionError](err) || is[*mcptool.UnknownServerError](err) ||
		is[*mcptool.UnknownToolError](err) || is[*mcptool.AmbiguousError](err) || is[*BlockedError](err) ||
		is[*results.ExpiredError](err) || is[*ArgumentsError](err) ||
		is[*config.UntrustedError](err) || is[*config.DisabledError](err)
}

// isOfLogin reports errors of logging in and of keeping what a login left.
func isOfLogin(err error) bool {
	return is[*auth.LoginError](err) || is[*NoLoginError](err) || is[*vault.Error](err) || is[*auth.RefreshError](err) ||
		is[*egress.BlockedHostError](err) || is[*egress.BlockedAddressError](err) || is[*auth.ClientRequiredError](err) ||
		is[*auth.ConfigError](err) || is[*auth.DiscoveryError](err) || is[*auth.OAuthError](err) || is[*auth.HTTPError](err) || is[*auth.AnswerError](err)
}

// loginMessage states an error of a login alone where it names the server. Around
// it may be the answer that asked for a token, and what the SDK says of the
// request, of which neither is the fact.
func loginMessage(err error) string {
	if e, ok := errors.AsType[*auth.LoginError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*auth.RefreshError](err); ok {
		return e.Error()
	}
	server, _ := whereOf(err)
	if e, ok := errors.AsType[*vault.Error](err); ok && server != "" {
		return server + ": " + e.Error()
	}
	if e, ok := errors.AsType[*auth.ConfigError](err); ok && server != "" {
		return server + ": " + e.Error()
	}
	return ""
}

// forbidden states that an upstream refuses access, in its own words if it has any.
func forbidden(err error, e *auth.ForbiddenError) string {
	if status, ok := errors.AsType[*upstream.StatusError](err); ok && status.Words != "" {
		return fmt.Sprintf("%v (%v)", e, status)
	}
	return e.Error()
}

// isPassing reports whether what kept a login from beginning may pass: there was
// no answer, or one that says so.
func isPassing(err error) bool {
	if e, ok := errors.AsType[*auth.ClientRequiredError](err); ok {
		return e.MayPass()
	}
	if auth.AsksToWait(err) {
		return true
	}
	if is[*auth.HTTPError](err) {
		return false
	}
	return is[*auth.DiscoveryError](err) && !is[*auth.AnswerError](err)
}

// whatOfUpstream is about reaching and calling an upstream.
func whatOfUpstream(err error) Failure {
	server, _ := whereOf(err)
	if e, ok := errors.AsType[*upstream.StartingError](err); ok {
		f := Failure{Message: server + " is " + e.Error(), Stderr: e.Stderr}
		if e.FirstLine != "" {
			f.Message += fmt.Sprintf("; it printed %q instead of MCP", e.FirstLine)
		}
		return f
	}
	if e, ok := errors.AsType[*upstream.CoolingDownError](err); ok {
		return Failure{Message: fmt.Sprintf("%s is left alone for a while after several faults in a row, the last one: %v", server, e.Last)}
	}
	if e, ok := refusal(err); ok {
		return Failure{Stage: stageAuth, Message: fmt.Sprintf("%s refuses access (%v) and no login is configured for it", server, e)}
	}
	if e, ok := errors.AsType[*upstream.StartError](err); ok {
		return Failure{Stage: e.Stage, Message: startMessage(server, e), Exit: e.ExitStatus, Stderr: e.Stderr}
	}
	f := Failure{Stage: upstream.StageCall}
	if !mayHaveRun(err) {
		f.Stage = upstream.StageList
	}
	if is[*upstream.TimeoutError](err) {
		return f
	}
	if e, ok := errors.AsType[*upstream.InterruptedError](err); ok {
		f.Exit, f.Stderr = e.ExitStatus, e.Stderr
		f.Message = "the connection to " + server + " broke during the call: the tool may have run"
		if f.Stage == upstream.StageList {
			f.Message = "the connection to " + server + " broke while its tools were listed: nothing ran"
		}
		return f
	}
	return whatOfAnswer(err, server, f)
}

// whatOfAnswer is about what an upstream answered, or did not; f says where.
func whatOfAnswer(err error, server string, f Failure) Failure {
	if e, ok := errors.AsType[*upstream.SizeError](err); ok {
		f.Message = fmt.Sprintf("%s answered with %v, which was not taken", server, e)
		return f
	}
	if e, ok := errors.AsType[*upstream.MalformedError](err); ok {
		f.Message = fmt.Sprintf("%s gave %v", server, e)
		return f
	}
	if errors.Is(err, upstream.ErrNotSent) {
		f.Message = "the request could not be sent to " + server + ": nothing ran"
		return f
	}
	if e, ok := errors.AsType[*jsonrpc.Error](err); ok {
		f.Message = fmt.Sprintf("%s answered with error %d: %s", server, e.Code, e.Message)
		if e.Code == 0 { // it gave none
			f.Message = fmt.Sprintf("%s answered with an error: %s", server, e.Message)
		}
		if e.Code == jsonrpc.CodeInvalidParams {
			f = Failure{Message: server + " refused the call: " + e.Message}
		}
		return f
	}
	if e, ok := errors.AsType[*upstream.StatusError](err); ok {
		f.Message = fmt.Sprintf("%s answered with %v", server, e)
		return f
	}
	if e, ok := errors.AsType[*upstream.RedirectError](err); ok {
		f.Message = fmt.Sprintf("%s answered the request with a redirect to %s: nothing ran", server, e.To)
		return f
	}
	if isCancelled(err) {
		return Failure{Message: "the request was cancelled"}
	}
	return f
}

func startMessage(server string, e *upstream.StartError) string {
	if missing, ok := errors.AsType[*child.NotFoundError](e); ok {
		where := " on PATH"
		if strings.ContainsAny(missing.Command, `/\`) {
			where = ""
		}
		return fmt.Sprintf("%s could not be started: the command %q was not found%s", server, shownCommand(missing.Command), where)
	}
	if rpc, ok := errors.AsType[*jsonrpc.Error](e); ok && e.Stage == upstream.StageHandshake && !is[*upstream.StatusError](e) {
		if rpc.Code == 0 { // it gave none
			return fmt.Sprintf("%s refused to begin a session: %s", server, rpc.Message)
		}
		return fmt.Sprintf("%s refused to begin a session: %s (error %d)", server, rpc.Message, rpc.Code)
	}
	switch {
	case is[*upstream.OriginError](e) || is[*upstream.RedirectError](e) || is[*child.WorkDirError](e):
	case e.FirstLine != "":
		return fmt.Sprintf("%s printed %q instead of MCP", server, e.FirstLine)
	case e.ExitStatus != "":
		return server + " ended during its start"
	}
	return fmt.Sprintf("%s could not be started: %v", server, e)
}

// mayHaveRun reports whether what failed was the call of a tool, and not a list
// of tools.
func mayHaveRun(err error) bool {
	if e, ok := errors.AsType[*upstream.InterruptedError](err); ok {
		return e.Stage != upstream.StageList
	}
	if e, ok := errors.AsType[*upstream.TimeoutError](err); ok {
		return e.Stage != upstream.StageList
	}
	_, tool := whereOf(err)
	return tool != ""
}

// linkOf returns the link that a server wants the person to open before it does
// what was asked (URLElicitationRequiredError, MCP 2025-11-25), or "".
func linkOf(e *jsonrpc.Error) string {
	var data struct {
		Elicitations []struct {
			URL string `json:"url"`
		} `json:"elicitations"`
	}
	if e.Code != mcp.CodeURLElicitationRequired || json.Unmarshal(e.Data, &data) != nil {
		return ""
	}
	for _, wanted := range data.Elicitations {
		u, err := url.Parse(wanted.URL)
		if err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && len(wanted.URL) <= maxLink {
			return u.String()
		}
	}
	return ""
}

// maxLink bounds a link that is passed on, in bytes.
const maxLink = 4 << 10

// refusal returns the answer of a server that does not let us in.
func refusal(err error) (*upstream.StatusError, bool) {
	e, ok := errors.AsType[*upstream.StatusError](err)
	return e, ok && e.Refused()
}

// isAuthorization reports errors that are no fault of the transport.
func isAuthorization(err error) bool {
	_, refused := refusal(err)
	return refused || isOfAuth(err)
}

// isOfAuth reports errors of a login, or of what it needs.
func isOfAuth(err error) bool {
	return is[*auth.NeedsAuthError](err) || is[*auth.ForbiddenError](err) || is[*auth.RefreshError](err) ||
		is[*vault.Error](err) || is[*auth.ConfigError](err)
}

func isCancelled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// whereOf returns the server that an error came from, and the tool that was
// called, if one was.
func whereOf(err error) (server, tool string) {
	if e, ok := errors.AsType[*ServerError](err); ok {
		return e.Server, e.Tool
	}
	return "", ""
}

// is reports whether there is a T in err's chain.
func is[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// secondsUntil rounds up, to 1 at least.
func secondsUntil(t time.Time) int {
	return max(1, int(math.Ceil(time.Until(t).Seconds())))
}
