package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy/auth"
	"mcpproxy/auth/egress"
	"mcpproxy/auth/vault"
	"mcpproxy/catalog/names"
	"mcpproxy/proxy"
	"mcpproxy/proxy/config"
	"mcpproxy/upstream"
	"mcpproxy/upstream/child"
)

// An explanation is what the person is told about an error: the fact, then
// what to do, and what a script is told.
type explanation struct {
	message string
	hints   []string
	code    int
}

// afterDemo ends the demo.
const afterDemo = "\nEverything was as it should be. Next: \"proxy help\", or the README's \"Install\".\n"

// tell says the explanation.
func (t *terminal) tell(e explanation) {
	if e.message != "" {
		t.say("proxy: %s", e.message)
	}
	for _, hint := range e.hints {
		t.say("hint: %s", hint)
	}
}

// explain is the only place with advice for the person. The order matters:
// what is more specific comes first.
func explain(err error) explanation {
	e := explanation{message: err.Error(), code: exitFailed}
	server := "NAME"
	if s, ok := errors.AsType[*proxy.ServerError](err); ok {
		server = s.Server
	}
	hint := func(format string, args ...any) { e.hints = append(e.hints, fmt.Sprintf(format, args...)) }

	if errors.Is(err, errSilent) {
		return explanation{code: exitFailed}
	}
	if errors.Is(err, context.Canceled) {
		return explanation{message: "interrupted", code: exitFailed}
	}
	if u, ok := errors.AsType[*usageError](err); ok {
		e.code, e.message = exitUsage, u.Error()
		hint("proxy help shows how each command is used")
		return e
	}
	if u, ok := errors.AsType[*unknownCommandError](err); ok {
		e.code = exitUsage
		if near := names.Nearest(u.name, u.known, 1); len(near) > 0 {
			hint("did you mean %q?", "proxy "+near[0])
		}
		hint("proxy help lists the commands")
		return e
	}
	switch {
	case explainNames(err, &e, hint):
	case explainConfig(err, &e, hint):
	case explainAuth(err, &e, server, hint):
	case explainUpstream(err, &e, server, hint):
	}
	return e
}

// explainNames explains what the person got wrong in a name or an argument.
func explainNames(err error, e *explanation, hint func(string, ...any)) bool {
	if u, ok := errors.AsType[*proxy.UnknownServerError](err); ok {
		e.code = exitUsage
		if len(u.Near) > 0 {
			hint("did you mean %s?", strings.Join(u.Near, " or "))
		}
		hint("proxy status lists the servers")
		return true
	}
	if u, ok := errors.AsType[*proxy.UnknownToolError](err); ok {
		e.code = exitUsage
		if len(u.Near) > 0 {
			hint("did you mean %s?", strings.Join(u.Near, " or "))
		}
		hint("proxy tools %s lists its tools", u.Server)
		return true
	}
	if a, ok := errors.AsType[*proxy.AmbiguousError](err); ok {
		e.code = exitUsage
		hint("say which: %s", strings.Join(a.Could, " or "))
		return true
	}
	if b, ok := errors.AsType[*proxy.BlockedError](err); ok {
		e.code = exitUsage
		hint("the tool_filter of %s in the configuration decides that", b.Server)
		return true
	}
	if a, ok := errors.AsType[*proxy.ArgumentsError](err); ok {
		e.code = exitUsage
		hint("the tool takes %s", a.Signature)
		return true
	}
	return false
}

func explainConfig(err error, e *explanation, hint func(string, ...any)) bool {
	if u, ok := errors.AsType[*config.UntrustedError](err); ok {
		e.code = exitConfig
		hint("look at %s/.proxy/mcp.json, then run: proxy trust %s", u.Dir, u.Dir)
		return true
	}
	if d, ok := errors.AsType[*config.DisabledError](err); ok {
		e.code = exitConfig
		hint("remove \"disabled\" from its entry in %s", d.File)
		return true
	}
	if m, ok := errors.AsType[*config.MissingVariableError](err); ok {
		e.code = exitConfig
		hint("set %s, or give it a default: ${env:%s:-value}", m.Variable, m.Variable)
		return true
	}
	if p, ok := errors.AsType[*config.Problem](err); ok {
		e.code = exitConfig
		if p.Hint != "" {
			hint("%s", p.Hint)
		}
		return true
	}
	if _, ok := errors.AsType[*config.EntryError](err); ok {
		e.code = exitConfig
		return true
	}
	if errors.Is(err, config.ErrNoProject) {
		e.code = exitConfig
		hint("a project's servers are written in .proxy/mcp.json, in its top folder")
		return true
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok && errors.Is(p, fs.ErrPermission) {
		hint("check the permissions of %s", p.Path)
		return true
	}
	return false
}

func explainAuth(err error, e *explanation, server string, hint func(string, ...any)) bool {
	e.code = exitAuth
	if n, ok := errors.AsType[*auth.NeedsAuthError](err); ok {
		e.message = n.Error()
		command := "proxy login " + n.Server
		if n.Reason == auth.InsufficientScope {
			command += " --scope " + strings.Join(n.Scopes, " --scope ")
		}
		hint("run: %s", command)
		return true
	}
	if l, ok := errors.AsType[*auth.LoginError](err); ok {
		e.message = l.Error()
		switch l.Reason {
		case auth.WrongState, auth.BadRedirect:
			hint("paste the whole URL that the browser landed on after the newest link")
		case auth.NotByPaste:
			hint("nothing is to be pasted: enter the code that was shown")
		case auth.AlreadyFinished:
			hint("proxy status %s shows the login", l.Server)
		case auth.NoDevice:
			hint("leave out --device: this server is logged in to with a browser")
		default:
			hint("for a new link run: proxy login %s", l.Server)
		}
		return true
	}
	if u, ok := errors.AsType[*unfinishedLoginError](err); ok {
		hint("finish it with the URL that the browser lands on: echo \"$URL\" | proxy login %s", u.server)
		return true
	}
	if b, ok := errors.AsType[*egress.BlockedHostError](err); ok {
		hint("if you trust %s, add this line to the entry of %s:\n  %s", b.Host, server, b.Line)
		return true
	}
	if c, ok := errors.AsType[*auth.ClientRequiredError](err); ok {
		hint("register a client at %s with the redirect URL %s, and write its id as oauth.client_id of %s", c.Issuer, c.RedirectURI, server)
		return true
	}
	if f, ok := errors.AsType[*auth.ForbiddenError](err); ok {
		hint("another login does not help: your account at %s lacks the permission", f.Server)
		return true
	}
	if n, ok := errors.AsType[*proxy.NoLoginError](err); ok {
		e.code = exitConfig
		hint("if it needs a login, add \"oauth\" to its entry in %s", n.File)
		return true
	}
	if _, ok := errors.AsType[*auth.ConfigError](err); ok {
		e.code = exitConfig
		return true
	}
	if v, ok := errors.AsType[*vault.Error](err); ok {
		e.code, e.message = exitVault, v.Error()
		explainVault(v, hint)
		return true
	}
	if r, ok := errors.AsType[*auth.RefreshError](err); ok {
		e.code = exitUnavailable
		hint("the login is kept; it is tried again in %d s", int(time.Until(r.RetryAt).Seconds())+1)
		return true
	}
	if h, ok := errors.AsType[*auth.HTTPError](err); ok {
		hint("%s did not answer as an authorization server does: check \"oauth\" in the entry of %s", h.Host, server)
		return true
	}
	if errors.As(err, new(*auth.DiscoveryError)) || errors.As(err, new(*auth.OAuthError)) ||
		errors.As(err, new(*egress.BlockedAddressError)) {
		return true
	}
	e.code = exitFailed
	return false
}

func explainVault(v *vault.Error, hint func(string, ...any)) {
	switch {
	case v.Reason == vault.Damaged:
		hint("log in again: what is damaged is set aside, and a new start is made")
	case v.Op == "lock" && v.Reason == vault.Timeout:
		hint("another proxy has held %s for long: end it if it hangs, then try again", v.File)
	case v.Op == "lock":
		hint("check %s and its permissions; after a move to another home, log in again", v.File)
	case v.Store == vault.StoreFile:
		hint("check %s and its permissions", v.File)
	case v.Reason == vault.Locked, v.Reason == vault.Timeout:
		hint("unlock the keyring, then try again")
	case v.Reason == vault.Unavailable:
		hint("start a keyring (on Linux a Secret Service such as gnome-keyring)")
		hint("or keep tokens in a file that only you can read: \"token_store\": \"file\" at the top of the configuration, or PROXY_TOKEN_STORE=file")
	}
}

func explainUpstream(err error, e *explanation, server string, hint func(string, ...any)) bool {
	e.code = exitUnavailable
	if n, ok := errors.AsType[*child.NotFoundError](err); ok {
		if words := strings.Fields(n.Command); len(words) > 1 {
			hint("write the program alone as \"command\": %q, and the rest as \"args\"", words[0])
		} else {
			hint("install %s, or write its full path into the configuration", n.Command)
		}
		hint("looked in %s", strings.Join(n.Dirs, ", "))
		return true
	}
	if s, ok := errors.AsType[*upstream.StatusError](err); ok {
		if s.Code == http.StatusUnauthorized || s.Code == http.StatusForbidden {
			e.code = exitAuth
			hint("if it takes a login, add \"oauth\": {\"discovery\": true, \"discovery_allowlist\": [\"HOST\"]} to its entry, with the host of its authorization server, and run: proxy login %s", server)
			hint("if it takes a key, send it with \"headers\"")
		}
		return true
	}
	if o, ok := errors.AsType[*upstream.OriginError](err); ok {
		hint("if %s is right, write it into the configuration", o.Got)
		return true
	}
	if errors.As(err, new(*upstream.DialError)) {
		hint("check that the server runs, and the url in its entry")
		return true
	}
	if w, ok := errors.AsType[*child.WorkDirError](err); ok {
		hint("make the folder, or correct \"cwd\" in its entry: %s", w.Dir)
		return true
	}
	if s, ok := errors.AsType[*upstream.StartError](err); ok {
		if s.FirstLine != "" {
			hint("it printed %q instead of MCP: check \"command\" and \"args\" in its entry", firstLine(s.FirstLine, 200))
		}
		if s.Stderr != "" {
			hint("its last words were:\n  %s", strings.ReplaceAll(s.Stderr, "\n", "\n  "))
		}
		return true
	}
	if i, ok := errors.AsType[*upstream.InterruptedError](err); ok {
		if i.Stderr != "" {
			hint("its last words were:\n  %s", strings.ReplaceAll(i.Stderr, "\n", "\n  "))
		}
		hint("the tool may have run: look before you call it again")
		return true
	}
	if s, ok := errors.AsType[*upstream.StartingError](err); ok {
		if s.FirstLine != "" {
			hint("it printed %q instead of MCP: check \"command\" and \"args\" in its entry", firstLine(s.FirstLine, 200))
			return true
		}
		hint("a first start may download much; wait_timeout in its entry allows more time")
		return true
	}
	if c, ok := errors.AsType[*upstream.CoolingDownError](err); ok {
		hint("it is tried again in %d s", int(time.Until(c.Until).Seconds())+1)
		return true
	}
	if t, ok := errors.AsType[*upstream.TimeoutError](err); ok {
		key := "max_call_time"
		if t.Idle {
			key = "call_timeout"
		}
		hint("%s in its entry allows more time; the tool may have run", key)
		return true
	}
	if _, ok := errors.AsType[*upstream.InputRequiredError](err); ok {
		hint("this tool needs a host that can answer questions")
		return true
	}
	if r, ok := errors.AsType[*jsonrpc.Error](err); ok {
		e.code, e.message = exitFailed, fmt.Sprintf("%s answered with error %d: %s", server, r.Code, r.Message)
		return true
	}
	e.code = exitFailed
	return false
}
