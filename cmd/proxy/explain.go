package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy/catalog/names"
	"mcpproxy/proxy"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/mcptool"
	"mcpproxy/upstream"
	"mcpproxy/upstream/child"
)

// All advice to the person stands in this file, and that on logins in
// explainlogin.go: explain has that on errors, the functions at the end have
// the rest.

// An explanation is what the person is told about an error: the fact, then
// what to do. The exit code tells a script.
type explanation struct {
	message string // empty if everything has been said
	hints   []string
	code    int
}

func (e *explanation) hint(format string, args ...any) {
	e.hints = append(e.hints, fmt.Sprintf(format, args...))
}

// report shows an explanation on stderr.
func (t *terminal) report(e explanation) {
	if e.message != "" {
		t.say("proxy: %s", e.message)
	}
	for _, hint := range e.hints {
		t.say("hint: %s", hint)
	}
}

// explainers each know a group of errors. They add hints to e, may replace its
// message, and return the exit code, or 0 if they do not know the error.
// server is the name to write into a command. The first that knows the error
// wins, so what is more specific comes first.
var explainers = []func(e *explanation, err error, server string) (code int){
	explainUsage, explainNames, explainConfig, explainLogin, explainAuth, explainConnect, explainCall,
}

// explain says what the person is told about an error.
func explain(err error) explanation {
	if errors.Is(err, errSilent) {
		return explanation{code: exitFailed}
	}
	if errors.Is(err, context.Canceled) {
		return explanation{message: "interrupted", code: exitFailed}
	}
	server := "NAME"
	if s, ok := errors.AsType[*proxy.ServerError](err); ok {
		server = s.Server
	}
	e := explanation{message: err.Error(), code: exitFailed}
	for _, explainer := range explainers {
		if code := explainer(&e, err, server); code != 0 {
			e.code = code
			break
		}
	}
	return e
}

// explainUsage explains a wrong command line.
func explainUsage(e *explanation, err error, _ string) (code int) {
	if u, ok := errors.AsType[*usageError](err); ok {
		e.message = u.Error()
		e.hint("proxy help shows how each command is used")
		return exitUsage
	}
	if u, ok := errors.AsType[*unknownCommandError](err); ok {
		if near := names.Nearest(u.name, u.known, 1); len(near) > 0 {
			e.hint("did you mean %q?", "proxy "+near[0])
		}
		e.hint("proxy help lists the commands")
		return exitUsage
	}
	return 0
}

// explainNames explains a wrong name or argument.
func explainNames(e *explanation, err error, _ string) (code int) {
	if u, ok := errors.AsType[*mcptool.UnknownServerError](err); ok {
		if len(u.Near) > 0 {
			e.hint("did you mean %s?", strings.Join(u.Near, " or "))
		}
		e.hint("proxy status lists the servers")
		return exitUsage
	}
	if u, ok := errors.AsType[*mcptool.UnknownToolError](err); ok {
		if len(u.Near) > 0 {
			e.hint("did you mean %s?", strings.Join(u.Near, " or "))
		}
		e.hint("%s lists its tools", proxy.CommandLine("tools", u.Server))
		return exitUsage
	}
	if a, ok := errors.AsType[*mcptool.AmbiguousError](err); ok {
		e.hint("say which: %s", strings.Join(a.Could, " or "))
		return exitUsage
	}
	if b, ok := errors.AsType[*proxy.BlockedError](err); ok {
		e.hint("the tool_filter of %s in the configuration decides that", b.Server)
		return exitUsage
	}
	if a, ok := errors.AsType[*proxy.ArgumentsError](err); ok {
		e.hint("the tool takes %s", a.Signature)
		return exitUsage
	}
	return 0
}

// explainConfig explains what is wrong with the configuration or its files.
func explainConfig(e *explanation, err error, _ string) (code int) {
	if u, ok := errors.AsType[*config.UntrustedError](err); ok {
		e.hint("look at %s/.proxy/mcp.json, then run: %s", u.Dir, proxy.CommandLine("trust", u.Dir))
		return exitConfig
	}
	if d, ok := errors.AsType[*config.DisabledError](err); ok {
		e.hint("remove \"disabled\" from its entry in %s", d.File)
		return exitConfig
	}
	if m, ok := errors.AsType[*config.MissingVariableError](err); ok {
		e.hint("set %s, or give it a default: ${env:%s:-value}", m.Variable, m.Variable)
		return exitConfig
	}
	if p, ok := errors.AsType[*config.Problem](err); ok {
		if p.Hint != "" {
			e.hint("%s", p.Hint)
		}
		return exitConfig
	}
	if _, ok := errors.AsType[*config.EntryError](err); ok {
		return exitConfig
	}
	if errors.Is(err, config.ErrNoProject) {
		e.hint("a project's servers are written in .proxy/mcp.json, in its top folder")
		return exitConfig
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok && errors.Is(p, fs.ErrPermission) {
		e.hint("check the permissions of %s", p.Path)
		return exitFailed
	}
	return 0
}

// explainConnect explains why a server could not be started or reached.
func explainConnect(e *explanation, err error, server string) (code int) {
	if n, ok := errors.AsType[*child.NotFoundError](err); ok {
		if advice := proxy.CommandAdvice(n.Command); advice != "" {
			e.hint("%s", advice)
		} else {
			e.hint("install %s, or write its full path into the configuration", n.Command)
		}
		if !strings.ContainsAny(n.Command, `/\`) {
			e.hint("looked in the folders of PATH: %s", strings.Join(n.Dirs, ", "))
		}
		return exitUnavailable
	}
	if s, ok := errors.AsType[*upstream.StatusError](err); ok {
		if s.RetryAfter > 0 {
			e.hint("it asks to be left alone for %d s", int(s.RetryAfter.Seconds()))
		}
		if s.Page {
			e.hint("check the url in its entry")
		}
		if !s.Refused() {
			return exitUnavailable
		}
		e.hint("if it takes a login, add \"oauth\": {\"discovery\": true, \"discovery_allowlist\": [\"HOST\"]} to its entry, with the host of its authorization server, and run: %s", proxy.CommandLine("login", server))
		e.hint("if it takes a key, send it with \"headers\"")
		return exitAuth
	}
	if o, ok := errors.AsType[*upstream.OriginError](err); ok {
		e.hint("if %s is right, write it into the configuration", o.Got)
		return exitUnavailable
	}
	if r, ok := errors.AsType[*upstream.RedirectError](err); ok {
		e.hint("if %s is right, write it as \"url\" into its entry", r.To)
		return exitUnavailable
	}
	if has[*upstream.DialError](err) {
		e.hint("check that the server runs, and the url in its entry")
		return exitUnavailable
	}
	if w, ok := errors.AsType[*child.WorkDirError](err); ok {
		e.hint("make the folder, or correct \"cwd\" in its entry: %s", w.Dir)
		return exitUnavailable
	}
	if s, ok := errors.AsType[*upstream.StartError](err); ok {
		e.hintStdout(s.FirstLine)
		e.hintStderr(s.Stderr)
		return exitUnavailable
	}
	return 0
}

// explainCall explains why a call was not answered as it should be.
func explainCall(e *explanation, err error, server string) (code int) {
	if has[*proxy.ResultError](err) || has[*upstream.MalformedError](err) && !has[*upstream.StartError](err) {
		e.hint("look at what the tool did before you call it again")
		return exitUnavailable
	}
	if i, ok := errors.AsType[*upstream.InterruptedError](err); ok {
		e.hintStderr(i.Stderr)
		if i.Stage == upstream.StageList {
			e.hint("no tool was called: try again")
		} else {
			e.hint("the tool may have run: look before you call it again")
		}
		return exitUnavailable
	}
	if has[*upstream.SizeError](err) {
		e.hint("no answer of that size is taken; ask for less")
		return exitUnavailable
	}
	if s, ok := errors.AsType[*upstream.StartingError](err); ok {
		if s.Stderr != "" {
			e.hint("so far it says:\n  %s", strings.ReplaceAll(s.Stderr, "\n", "\n  "))
		}
		if e.hintStdout(s.FirstLine); s.FirstLine == "" && s.Stderr == "" {
			e.hint("a first start may download much; wait_timeout in its entry allows more time")
		}
		return exitUnavailable
	}
	if c, ok := errors.AsType[*upstream.CoolingDownError](err); ok {
		e.hint("it is tried again in %d s", secondsUntil(c.Until))
		return exitUnavailable
	}
	if t, ok := errors.AsType[*upstream.TimeoutError](err); ok {
		key := "max_call_time"
		if t.Idle {
			key = "call_timeout"
		}
		if t.Stage == upstream.StageList {
			e.hint("%s in its entry allows more time; no tool was called", key)
		} else {
			e.hint("%s in its entry allows more time; the tool may have run", key)
		}
		return exitUnavailable
	}
	if has[*upstream.InputRequiredError](err) {
		e.hint("this tool needs a host that can answer questions")
		return exitUnavailable
	}
	if r, ok := errors.AsType[*jsonrpc.Error](err); ok {
		e.message = fmt.Sprintf("%s answered with error %d: %s", server, r.Code, r.Message)
		if r.Code == 0 { // it gave none
			e.message = fmt.Sprintf("%s answered with an error: %s", server, r.Message)
		}
		return exitFailed
	}
	return 0
}

// hintStdout quotes what a child wrote to stdout that was no message, if
// anything.
func (e *explanation) hintStdout(line string) {
	if line != "" {
		e.hint("it printed %q instead of MCP: check \"command\" and \"args\" in its entry", firstLine(line, 200))
	}
}

// hintStderr quotes the last lines that a child wrote to stderr, if any.
func (e *explanation) hintStderr(lines string) {
	if lines != "" {
		e.hint("its last words were:\n  %s", strings.ReplaceAll(lines, "\n", "\n  "))
	}
}

// secondsUntil returns whole seconds, rounded up.
func secondsUntil(t time.Time) int { return int(time.Until(t).Seconds()) + 1 }

// has reports whether an error of type E is in the chain of err.
func has[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// explainUntrusted says how to allow a server of a project.
func explainUntrusted(s *config.Server) (e explanation) {
	e.hint("%s is not trusted; look at %s, then run: %s", s.Name, s.File, proxy.CommandLine("trust", s.ProjectDir()))
	return e
}

// moreServers says how to ask the n servers that a list did not.
func moreServers(n int) string {
	return fmt.Sprintf("and %d servers more; proxy tools --refresh asks all of them", n)
}

// omittedBlock stands for a block of a result that is no text.
func omittedBlock(kind, mimeType string, bytes int) string {
	return fmt.Sprintf("[%s: %s, %d bytes; --json shows it]", kind, mimeType, bytes)
}

// afterDemo ends the demo.
const afterDemo = "\nEverything was as it should be. Next: \"proxy help\", or the README's \"Install\".\n"
