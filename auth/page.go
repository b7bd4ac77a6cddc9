package auth

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"

	"mcpproxy/auth/vault"
)

// The landing page is what a person sees when the browser comes back. It
// tells the outcome and the next step, and loads nothing.

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// pagePolicy allows nothing but the style sheet in the page.
var pagePolicy = func() string {
	sum := sha256.Sum256([]byte(pageCSS))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

type page struct {
	Kind   string // class: "done", "failed" or "waiting"
	Mark   string
	Title  string
	Text   []string
	Detail string       // foreign text, escaped like all else
	Style  template.CSS // ours
	status int
}

// writePage writes the page about the login to server.
func writePage(w http.ResponseWriter, server string, err error) {
	p := pageFor(clean(server, 80), err)
	p.Style = template.CSS(pageCSS)
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		http.Error(w, p.Title, p.status)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Referrer-Policy", "no-referrer") // the URL of the page holds the code
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.status)
	_, _ = w.Write(b.Bytes())
}

// pageFor returns the page for the outcome of a login.
func pageFor(server string, err error) page {
	const close = "You may close this window."
	done := func(title string, text ...string) page {
		return page{Kind: "done", Mark: "✓", Title: title, Text: text, status: http.StatusOK}
	}
	waiting := func(title string, text ...string) page {
		return page{Kind: "waiting", Mark: "…", Title: title, Text: text, status: http.StatusBadRequest}
	}
	failed := func(title string, text ...string) page {
		return page{Kind: "failed", Mark: "✕", Title: title, Text: text, Detail: answered(err), status: http.StatusBadRequest}
	}
	again := "Start the login to " + server + " again to get a new link. You may close this window."
	if err == nil {
		return done("You are logged in to "+server, "The proxy has what it needs and keeps it safe on this machine.", close)
	}
	switch reasonOfLogin(err) {
	case AlreadyFinished:
		return done("You are already logged in to "+server, "This login has finished before; there is nothing left to do.", close)
	case WrongState, NoLogin, Superseded:
		return waiting("This link belongs to another login",
			"It was opened before, or a newer login to "+server+" has been started since.",
			"Go on with the newest link, or start the login again. You may close this window.")
	case BadRedirect:
		return waiting("Nothing to see here yet",
			"This address waits for the end of the login to "+server+". What just arrived was not that.",
			"Go on in the window where you log in. You may close this one.")
	case LoginExpired, CodeRefused:
		return failed("The login to "+server+" took too long", "The link, or the code that came with it, is no longer valid.", again)
	case Denied:
		return failed("Access to "+server+" was not granted", "Nothing was stored.", again)
	case WrongIssuer:
		return failed("This answer does not come from where it should",
			"The login was stopped, because another server than the one that was asked has answered. Nothing was stored.", again)
	case Refused, BadToken:
		return failed("The login to "+server+" was refused", "The authorization server answered with an error. Nothing was stored.", again)
	}
	if _, ok := errors.AsType[*vault.Error](err); ok {
		return failed("The login to "+server+" could not be saved",
			"The credential store of this machine did not take it.",
			"See the terminal, or log in to "+server+" from one, for what to do. You may close this window.")
	}
	if f, ok := factOf(err); ok {
		return failed("The login to "+server+" is not finished yet",
			fmt.Sprintf("The authorization server answered HTTP %d; the login still waits.", f.status), "Reload this page in a minute to try again.")
	}
	return failed("The authorization server could not be reached",
		"The login to "+server+" is still waiting.", "Reload this page to try again.")
}

// answered is what the authorization server answered, or "".
func answered(err error) string {
	if e, ok := errors.AsType[*OAuthError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*HTTPError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*AnswerError](err); ok {
		return e.Error()
	}
	return ""
}
