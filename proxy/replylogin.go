package proxy

import (
	"errors"
	"fmt"
	"strings"

	"mcpproxy/auth"
	"mcpproxy/auth/egress"
	"mcpproxy/auth/vault"
	"mcpproxy/proxy/mcptool"
)

// This file is the part of reply.go that is about logins.

// adviseOnNeedsAuth is about logins that are missing; one may be pending.
func adviseOnNeedsAuth(pending bool, err error) (explanation, bool) {
	e, ok := errors.AsType[*auth.NeedsAuthError](err)
	if !ok {
		return explanation{}, false
	}
	login := mcptool.Request{Action: mcptool.Login, Server: e.Server}
	var options []string
	if e.Reason == auth.InsufficientScope {
		login.Scope = strings.Join(e.Scopes, " ")
		for _, scope := range e.Scopes {
			options = append(options, "--scope", scope)
		}
	}
	if pending {
		return explanation{Code: codeLoginPending,
			Next: "ask the person to finish it, then repeat the request; for a new link " + nextCall(login)}, true
	}
	return explanation{Code: codeNeedsAuth, Next: nextCall(login) + " and show the person the link; or ask them to run: " + CommandLine("login", e.Server, options...)}, true
}

// adviseOnLogin is about logins that do not succeed, and about keeping them.
func adviseOnLogin(err error) (explanation, bool) {
	server, _ := whereOf(err)
	if e, ok := errors.AsType[*auth.LoginError](err); ok {
		return adviseOnLoginReason(e), true
	}
	if e, ok := errors.AsType[*NoLoginError](err); ok {
		return explanation{Code: codeConfig, Next: fmt.Sprintf(
			"nothing, if %s needs no login; else ask the person to add \"oauth\" to its entry in %s", e.Server, e.File)}, true
	}
	if e, ok := errors.AsType[*vault.Error](err); ok {
		return explanation{Code: codeUnavailable, Next: nextVault(e, server)}, true
	}
	if e, ok := errors.AsType[*auth.ForbiddenError](err); ok {
		return explanation{Code: codeUnavailable,
			Next: "another login does not help: tell the person that their account at " + e.Server + " lacks the permission"}, true
	}
	if e, ok := errors.AsType[*auth.RefreshError](err); ok {
		n := secondsUntil(e.RetryAt)
		return explanation{Code: codeUnavailable, Retry: n, Next: fmt.Sprintf("repeat the same request in %d s; no new login is needed", n)}, true
	}
	if e, ok := errors.AsType[*egress.BlockedHostError](err); ok {
		return explanation{Code: codeLoginFailed,
			Next: fmt.Sprintf("if the person trusts %s, they can allow it in the entry of %s: %s", e.Host, server, e.Line)}, true
	}
	if e, ok := errors.AsType[*auth.ClientRequiredError](err); ok && !e.MayPass() {
		return explanation{Code: codeLoginFailed, Next: fmt.Sprintf(
			"ask the person to register a client at %s with the redirect URL %s, and to add to \"oauth\" in the entry of %s: %s", e.Issuer, e.RedirectURI, server, e.Entry())}, true
	}
	if is[*auth.ConfigError](err) {
		return explanation{Code: codeConfig, Next: "ask the person to correct the entry of " + server}, true
	}
	if isOfLogin(err) {
		return explanation{Code: codeLoginFailed, Next: nextFailedLogin(err, server)}, true
	}
	return explanation{}, false
}

// nextFailedLogin is the way on after a login that could not begin. The same
// login once more is no way, unless what was wrong may pass.
func nextFailedLogin(err error, server string) string {
	const known = "; what is unknown stands in the documentation of the server"
	d, ok := errors.AsType[*auth.DiscoveryError](err)
	switch {
	case ok && d.Reason == auth.NoResource:
		return fmt.Sprintf("ask the person to add to \"oauth\" in the entry of %s: %s", server, d.Entry)
	case ok && d.Reason == auth.OtherResource:
		return fmt.Sprintf("ask the person to write the right url into the entry of %s, or to replace its \"oauth\" by %s%s", server, d.Entry, known)
	case ok && d.Reason != "":
		return fmt.Sprintf("ask the person to replace \"oauth\" in the entry of %s by %s%s", server, d.Entry, known)
	case is[*egress.BlockedAddressError](err):
		return fmt.Sprintf("if the person trusts that host, they can list it by its exact name in oauth.discovery_allowlist of %s", server)
	case isPassing(err):
		return "in a minute " + nextCall(mcptool.Request{Action: mcptool.Login, Server: server})
	}
	return fmt.Sprintf("ask the person to check \"oauth\" in the entry of %s; a client that was registered by hand is written as oauth.client_id", server)
}

func adviseOnLoginReason(e *auth.LoginError) explanation {
	switch e.Reason {
	case auth.WrongState, auth.BadRedirect:
		return explanation{Code: codeLoginFailed, Next: "ask the person for the whole URL that the browser landed on after the newest link; the login still waits"}
	case auth.StillWaiting:
		return explanation{Code: codeLoginPending, Next: "the login still waits: repeat the same request in a minute"}
	case auth.NotByPaste:
		return explanation{Code: codeLoginPending, Next: "nothing to paste: it finishes by itself when the person has entered the code"}
	case auth.AlreadyFinished:
		return explanation{Code: codeLoginFailed, Next: "repeat what needed the login"}
	case auth.Denied:
		return explanation{Code: codeLoginFailed, Next: "respect that; ask the person before another try"}
	}
	return explanation{Code: codeLoginFailed, Next: nextCall(mcptool.Request{Action: mcptool.Login, Server: e.Server}) + " for a new link"}
}

func nextVault(e *vault.Error, server string) string {
	switch {
	case e.Op == vault.OpLock && e.Reason == vault.Timeout:
		return "repeat the request in a minute; another proxy of the person is at work on this login"
	case e.Reason != vault.Locked && e.Reason != vault.Timeout:
		return "ask the person to run: " + CommandLine("login", server) + " (it mends what is damaged, or says what is missing)"
	}
	return "ask the person to unlock the keyring, then repeat the request"
}

// promptToOpen returns what the person has to open, and the words for it.
func promptToOpen(l *auth.Login) (url, message string) {
	if l.Flow == vault.DeviceFlow {
		if l.VerificationURLComplete != "" {
			return l.VerificationURLComplete, fmt.Sprintf("Log in to %s. The code is %s.", l.Server, l.UserCode)
		}
		return l.VerificationURL, fmt.Sprintf("Log in to %s with the code %s.", l.Server, l.UserCode)
	}
	return l.AuthorizeURL, fmt.Sprintf("Log in to %s.", l.Server)
}

// nextLogin is what the person does to log in.
func nextLogin(l *auth.Login, link linkPlace) string {
	const after = " Then repeat what needed the login."
	paste := nextCall(mcptool.Request{Action: mcptool.CompleteLogin, Server: l.Server, RedirectURL: "URL"}) + "."
	switch {
	case link == linkShown:
		return "the person is being shown the link; the login finishes by itself. Repeat what needed the login in a moment."
	case link == linkAskedFor:
		return "the host was asked to show the person the link; the login finishes by itself. Repeat what needed the login in a moment; if the person sees no link, get it here: " +
			nextCall(mcptool.Request{Action: mcptool.Login, Server: l.Server})
	case l.Flow == vault.DeviceFlow:
		return "ask the person to open verification_url and to enter user_code there; the login finishes by itself." + after
	case l.CallbackError == nil:
		return "ask the person to open authorize_url; if that browser is on this machine, the login finishes by itself; if it lands on a page that does not load, " +
			"ask for the URL in its address bar and " + paste + after
	}
	return "ask the person to open authorize_url and to give you the URL that the browser lands on, even if that page does not load; " + paste + after
}
