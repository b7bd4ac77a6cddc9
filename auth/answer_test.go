package auth

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"mcpproxy/auth/authtest"
)

// What the token endpoint answers to the code, in whatever words, is told as an
// answer. One that refuses ends the login, and one that asks to wait does not.
func TestAnswersToTheCode(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  authtest.Fault
		reason LoginReason
		says   string // the page and the error
	}{
		"other words":     {authtest.Fault{Status: 400, Body: `{"message":"code was used"}`}, Refused, "answered HTTP 400: &#34;code was used&#34;"},
		"words within":    {authtest.Fault{Status: 400, Body: `{"error":{"message":"code was used","status":"X"}}`}, Refused, "answered HTTP 400: &#34;code was used&#34;"},
		"text":            {authtest.Fault{Status: 401, Body: "\n Unauthorized\x1b[31m\nsecond"}, Refused, "answered HTTP 401: &#34;Unauthorized[31m&#34;"},
		"a page":          {authtest.Fault{Status: 403, Body: "<html>no"}, Refused, "answered HTTP 403<"},
		"a redirect":      {authtest.Fault{Redirect: "/login"}, Refused, "answered HTTP 307, a redirect"},
		"not found":       {authtest.Fault{Status: 404, Body: "x"}, Refused, "answered HTTP 404"},
		"gone":            {authtest.Fault{Status: 410, Body: "x"}, Refused, "answered HTTP 410"},
		"used, HTTP 200":  {authtest.Fault{Status: 200, Body: `{"error":"bad_verification_code"}`}, Refused, "bad_verification_code"},
		"grant":           {authtest.Fault{Status: 503, Body: `{"error":"invalid_grant"}`}, CodeRefused, "no longer valid"},
		"busy":            {authtest.Fault{Status: 503, Body: "busy"}, StillWaiting, "answered HTTP 503; the login still waits"},
		"too many":        {authtest.Fault{Status: 429, Body: `{"error":"x"}`}, StillWaiting, "answered HTTP 429; the login still waits"},
		"later":           {authtest.Fault{Status: 400, Body: "{}", Header: http.Header{"Retry-After": {"5"}}}, StillWaiting, "answered HTTP 400; the login still waits"},
		"temporarily":     {authtest.Fault{Status: 400, Body: `{"error":"temporarily_unavailable"}`}, StillWaiting, "temporarily_unavailable"},
		"request timeout": {authtest.Fault{Status: 408, Body: "x"}, StillWaiting, "answered HTTP 408; the login still waits"},
		"no answer":       {authtest.Fault{Drop: true}, StillWaiting, "could not be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTestbed(t, authtest.Options{Protected: open})
			a, s := w.process(t), w.upstream()
			var mu sync.Mutex
			var told []error
			l, err := a.Begin(t.Context(), s, LoginOptions{Flow: FlowBrowser, Notice: func(err error) {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, err)
			}})
			if err != nil {
				t.Fatal(err)
			}
			landed := landing(t, l.AuthorizeURL)
			w.Fail(authtest.Token, c.fault)
			if _, page := visit(t, landed); !strings.Contains(page, c.says) {
				t.Errorf("the page does not say %q: %s", c.says, page[strings.Index(page, "<main"):])
			}
			sent := w.Count(authtest.Faulted, "")
			w.Heal(authtest.Token)
			if c.reason == StillWaiting {
				mu.Lock()
				if len(told) != 1 || reasonOfLogin(told[0]) != StillWaiting {
					t.Errorf("who waits is told %v", told)
				}
				mu.Unlock()
				if _, page := visit(t, landed); !strings.Contains(page, "You are logged in") {
					t.Errorf("the second time: %s", page)
				}
				wait(t, l, "")
				return
			}
			wait(t, l, c.reason)
			if err := a.Complete(t.Context(), s, landed); reasonOfLogin(err) != NoLogin {
				t.Errorf("pasted again: %v", err)
			}
			if n := w.Count(authtest.Faulted, "") + w.Count(authtest.TokenRequest, grantCode); sent != 1 || n != 1 {
				t.Errorf("the code was sent %d times", n)
			}
			if len(told) > 0 {
				t.Errorf("who waits is told %v", told)
			}
		})
	}
}

// What an answer says is bounded, and holds no secret of the request or of the
// answer.
func TestWordsOfAnAnswer(t *testing.T) {
	t.Parallel()
	const token = "0123456789abcdefghijklmnopqrstuvwxyz"
	for body, want := range map[string]string{
		`{"detail":"no"}`:                       "no",
		`{"error":{"description":"a"}}`:         "a",
		`{"title":"Conflict"}`:                  "Conflict",
		`["x"]`:                                 "",
		`{"x":1`:                                "",
		`<html>`:                                "",
		`error code: 1020`:                      "error code: 1020",
		`code=abc&state=x`:                      "",
		``:                                      "",
		" first \n second":                      "first",
		strings.Repeat("x", 500):                strings.Repeat("x", maxWords) + "…",
		strings.Repeat("x", maxWords-8) + token: strings.Repeat("x", maxWords-8) + "***",
		`access_token=` + token + `x y`:         "",
		`{"message":"` + token + `","access_token":"abc"}`:    "***",
		`{"message":"abcdefghij","access_token":"abcdefghij"`: "***",
	} {
		resp := answerOf(418, "", "")
		_, err := reader.readResponse(resp, []byte(body), nil, token)
		if e, ok := err.(*HTTPError); !ok || e.Words != want {
			t.Errorf("%s: %v", body, err)
		}
	}
}
