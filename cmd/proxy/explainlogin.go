package main

import (
	"errors"
	"fmt"
	"time"

	"mcpproxy/auth"
	"mcpproxy/auth/egress"
	"mcpproxy/auth/vault"
	"mcpproxy/proxy"
	"mcpproxy/upstream"
)

// explainLogin explains that a login is needed, or why one failed.
func explainLogin(e *explanation, err error, _ string) (code int) {
	if n, ok := errors.AsType[*auth.NeedsAuthError](err); ok {
		e.message = n.Error()
		var options []string
		if n.Reason == auth.InsufficientScope {
			for _, scope := range n.Scopes {
				options = append(options, "--scope", scope)
			}
		}
		e.hint("run: %s", proxy.CommandLine("login", n.Server, options...))
		if n.Err != nil {
			e.hint("the login is kept; if this was a passing fault of the server, try it once more: %s", proxy.CommandLine("refresh", n.Server))
		}
		return exitAuth
	}
	if l, ok := errors.AsType[*auth.LoginError](err); ok {
		e.message = l.Error()
		switch l.Reason {
		case auth.WrongState, auth.BadRedirect:
			e.hint("paste the whole URL that the browser landed on after the newest link")
		case auth.StillWaiting:
			e.hint("in a minute reload the page that the browser landed on, or give its URL once more: echo \"$URL\" | %s", proxy.CommandLine("login", l.Server))
		case auth.NotByPaste:
			e.hint("nothing is to be pasted: enter the code that was shown")
		case auth.AlreadyFinished:
			e.hint("%s shows the login", proxy.CommandLine("status", l.Server))
		case auth.NoDevice:
			e.hint("leave out --device: this server is logged in to with a browser")
		default:
			e.hint("for a new link run: %s", proxy.CommandLine("login", l.Server))
		}
		return exitAuth
	}
	if u, ok := errors.AsType[*unfinishedLoginError](err); ok {
		e.hint("finish it with the URL that the browser lands on: echo \"$URL\" | %s", proxy.CommandLine("login", u.server))
		if u.noURL {
			e.hint("for a new link instead, end stdin without a line: %s </dev/null", proxy.CommandLine("login", u.server))
		}
		return exitAuth
	}
	return 0
}

// explainAuth explains what an authorization server, the OAuth settings or the
// vault are at fault for.
func explainAuth(e *explanation, err error, server string) (code int) {
	if b, ok := errors.AsType[*egress.BlockedHostError](err); ok {
		e.hint("if you trust %s, add this line to the entry of %s:\n  %s", b.Host, server, b.Line)
		return exitAuth
	}
	if c, ok := errors.AsType[*auth.ClientRequiredError](err); ok {
		if c.MayPass() {
			e.hint("this may pass by itself: try again in a minute")
			return exitAuth
		}
		e.hint("register a client at %s with the redirect URL %s, and add its id to \"oauth\" in the entry of %s:\n  %s", c.Issuer, c.RedirectURI, server, c.Entry())
		return exitAuth
	}
	if f, ok := errors.AsType[*auth.ForbiddenError](err); ok {
		e.message = f.Error()
		if status, ok := errors.AsType[*upstream.StatusError](err); ok && status.Words != "" {
			e.message = fmt.Sprintf("%v (%v)", f, status)
		}
		e.hint("another login does not help: your account at %s lacks the permission", f.Server)
		return exitAuth
	}
	if n, ok := errors.AsType[*proxy.NoLoginError](err); ok {
		e.hint("if it needs a login, add \"oauth\" to its entry in %s", n.File)
		return exitConfig
	}
	if c, ok := errors.AsType[*auth.ConfigError](err); ok {
		if has[*proxy.ServerError](err) {
			e.message = server + ": " + c.Error() // without the request that it was needed for
		}
		return exitConfig
	}
	if v, ok := errors.AsType[*vault.Error](err); ok {
		explainVault(e, v)
		return exitVault
	}
	if r, ok := errors.AsType[*auth.RefreshError](err); ok {
		e.message = r.Error()
		e.hint("the login is kept; it is tried again in %d s", secondsUntil(r.RetryAt))
		return exitUnavailable
	}
	if auth.AsksToWait(err) {
		e.hint("this may pass by itself: try again in a minute")
		return exitAuth
	}
	if h, ok := errors.AsType[*auth.HTTPError](err); ok {
		e.hint("%s did not answer as an authorization server does: check \"oauth\" in the entry of %s", h.Host, server)
		return exitAuth
	}
	if a, ok := errors.AsType[*auth.AnswerError](err); ok {
		e.hint("%s did not answer as an authorization server does: check \"oauth\" in the entry of %s", a.Host, server)
		return exitAuth
	}
	if d, ok := errors.AsType[*auth.DiscoveryError](err); ok {
		e.hintEntry(d, server)
		return exitAuth
	}
	if has[*auth.OAuthError](err) || has[*egress.BlockedAddressError](err) {
		return exitAuth
	}
	return 0
}

// hintEntry shows the line of configuration that leads around metadata that
// cannot be used, if there is one.
func (e *explanation) hintEntry(d *auth.DiscoveryError, server string) {
	switch d.Reason {
	case "":
		return
	case auth.NoResource:
		e.hint("add this line to \"oauth\" in the entry of %s:\n  %s", server, d.Entry)
		return
	case auth.OtherResource:
		e.hint("if that is the server you mean, write it as the url of %s", server)
	}
	e.hint("to do without this metadata, replace \"oauth\" in the entry of %s:\n  %s", server, d.Entry)
	e.hint("the documentation of the server has what is missing there; its client must be registered with that redirect_uri")
}

func explainVault(e *explanation, v *vault.Error) {
	e.message = v.Error()
	switch {
	case v.Reason == vault.Damaged:
		e.hint("log in again: what is damaged is set aside, and a new start is made")
	case v.Op == vault.OpLock && v.Reason == vault.Timeout:
		e.hint("another proxy has held %s for long: end it if it hangs, then try again", v.File)
	case v.Op == vault.OpLock:
		e.hint("check %s and its permissions; after a move to another home, log in again", v.File)
	case v.Store == vault.StoreFile:
		e.hint("check %s and its permissions", v.File)
	case v.Reason == vault.Locked, v.Reason == vault.Timeout:
		e.hint("unlock the keyring, then try again")
	case v.Reason == vault.Unavailable:
		e.hint("start a keyring (on Linux a Secret Service such as gnome-keyring)")
		e.hint("or keep tokens in a file that only you can read: \"token_store\": \"file\" at the top of the configuration, or PROXY_TOKEN_STORE=file")
	}
}

// awaitsURL says what a login waits for before it shows a link of its own.
func awaitsURL(server string, until time.Time) string {
	return fmt.Sprintf("a login to %s is pending until %s: its URL is awaited on stdin; for a new link end stdin (Ctrl-D, or </dev/null)",
		server, until.Local().Format(time.TimeOnly))
}

// awaitsSilence says what a login waits for where none is pending.
func awaitsSilence(server string) string {
	return fmt.Sprintf("no login to %s is pending: a URL of one is awaited on stdin for %d s before a new one begins; for a link at once end stdin (Ctrl-D, or </dev/null)",
		server, int(pipeSilence.Seconds()))
}

// loginSteps says what to do to finish a login, in order.
func loginSteps(p *auth.Login, link string) []string {
	steps := []string{fmt.Sprintf("Open this link to log in to %s:\n\n  %s\n", p.Server, link)}
	if p.UserCode != "" {
		steps = append(steps, fmt.Sprintf("and enter the code %s\n", p.UserCode))
	}
	if p.CallbackError != nil {
		steps = append(steps, fmt.Sprintf("note: %v; paste the URL that the browser lands on", p.CallbackError))
	}
	return steps
}

// pasteHere invites the person to paste the URL of a code flow.
const pasteHere = "If the page that it ends on does not load, paste its URL here:"
