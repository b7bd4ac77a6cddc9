package auth

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"mcpproxy/auth/vault"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status      int
		contentType string
		body        string
		token, code string
		fails       bool
	}{
		"JSON":              {200, "application/json", `{"access_token":"at"}`, "at", "", false},
		"no content type":   {200, "", `{"access_token":"at"}`, "at", "", false},
		"form":              {200, "application/x-www-form-urlencoded; charset=utf-8", `access_token=at&x=1`, "at", "", false},
		"form error":        {200, "application/x-www-form-urlencoded", `error=bad_code&error_description=x`, "", "bad_code", true},
		"error":             {400, "application/json", `{"error":"invalid_grant"}`, "", "invalid_grant", true},
		"error, HTTP 200":   {200, "application/json", `{"error":"invalid_grant"}`, "", "invalid_grant", true},
		"empty":             {200, "", ``, "", "", false},
		"HTML":              {200, "text/html", `<html>`, "", "", true},
		"HTML error":        {502, "text/html", `<html>`, "", "", true},
		"JSON, wrong types": {200, "application/json", `{"access_token":"at","expires_in":{},"error":7}`, "at", "", false},
		"a mark before":     {200, "application/json", "\ufeff" + `{"access_token":"at"}`, "at", "", false},
		"a notice before":   {200, "application/json", "<br>Notice: x" + `{"access_token":"at"}`, "at", "", false},
		"something after":   {200, "application/json", `{"access_token":"at"}` + "\n<!-- 1 s -->", "at", "", false},
		"form as JSON":      {200, "application/json", `access_token=at&x=1`, "at", "", false},
		"a page with forms": {200, "text/html", `<a href="?a=1&b=2">`, "", "", true},
		"null":              {200, "application/json", `null`, "", "", false},
		"an array":          {200, "application/json", `[]`, "", "", true},
		"braces in a form":  {200, "text/plain", `x={}&access_token=at`, "at", "", false},
		"a page's script":   {200, "text/html", `<script>x = {"a":1}</script>`, "", "", false},
		"a cut error":       {400, "application/json", `{"error":"slow_down","error_description":"wa`, "", "slow_down", true},
	} {
		rec := httptest.NewRecorder()
		rec.Header().Set("Content-Type", c.contentType)
		rec.WriteHeader(c.status)
		resp := rec.Result()
		resp.Request = &http.Request{URL: &url.URL{Host: "as.example"}}
		a, err := reader.readResponse(resp, []byte(c.body), nil)
		if (err != nil) != c.fails || codeOf(err) != c.code || a.text("access_token") != c.token {
			t.Errorf("%s: %v, %v", name, a, err)
		}
	}
}

// A connection that breaks within the body leaves what was received, and is an
// answer all the same.
func TestCutAnswer(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"refresh_token": "r\u002D1", "scope": "a`: "r-1",
		`{"access_token":"a","refresh_token":"r`:    "",
		`<html>`:                                    "",
		// Where a form was cut cannot be seen.
		`access_token=a&refresh_token=0123456789abcdef01`:    "",
		`refresh_token=0123456789abcdef01&access_token=a`:    "0123456789abcdef01",
		`refresh_token=0123456789abcdef01&refresh_token=012`: "0123456789abcdef01",
	} {
		resp := &http.Response{StatusCode: 200, Request: &http.Request{URL: &url.URL{Host: "as.example"}}}
		a, err := reader.readResponse(resp, []byte(body), io.ErrUnexpectedEOF)
		if a.text("refresh_token") != want || !errors.Is(err, io.ErrUnexpectedEOF) || !isAnswerError(err) {
			t.Errorf("%s: %v, %v", body, a, err)
		}
	}
}

// A server that names the parameter it refuses sends no token with it.
func TestNamedParameterIsNoToken(t *testing.T) {
	t.Parallel()
	for members, want := range map[string]bool{
		`{"error":"invalid_request","refresh_token":"is expired"}`:      false,
		`{"error":"invalid_request","refresh_token":"expired"}`:         false,
		`{"error":"x","refresh_token":"0123456789abcdef"}`:              true,
		`{"error":"x","access_token":"a","refresh_token":"0123456789"}`: true,
		// Words of a server, whatever their length.
		`{"error":"x","access_token":"missing","refresh_token":"expired"}`: false,
		`{"error":"x","refresh_token":"token_expired_or_revoked"}`:         false,
		`{"error":"x","refresh_token":"REFRESH_TOKEN_EXPIRED"}`:            false,
		`{"error":"x","refresh_token":"refresh-token-of-a-test-server"}`:   true,
		`{"error":"x","refresh_token":"RefreshTokenExpired"}`:              false,
		`{"error":"x","refresh_token":"0123456789ab***************"}`:      false,
		`{"error":"x","refresh_token":"fedcba9876543210"}`:                 false,
		`{"errors":{"refresh_token":"token_expired_or_revoked"}}`:          false,
		`{"errors":{"refresh_token":"is expired"},"refresh_token":"`:       false,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, members)
		}))
		a := New(Options{Vault: newVault(t)})
		target, err := a.target(Server{URL: server.URL})
		if err != nil {
			t.Fatal(err)
		}
		tok, err := a.requestTokens(t.Context(), target, server.URL, vault.Client{}, "", url.Values{"refresh_token": {"fedcba9876543210-sent"}})
		if err == nil || tok.access != "" || (tok.refresh != "") != want {
			t.Errorf("%s: %q, %v", members, tok.refresh, err)
		}
		a.Close()
		server.Close()
	}
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]time.Duration{
		`3600`: time.Hour, `"3600"`: time.Hour, `3600.5`: time.Hour + 500*time.Millisecond,
		`1e300`: maxSeconds * time.Second, `"99999999999999999999999999"`: maxSeconds * time.Second, `1e999`: maxSeconds * time.Second,
		`0`: 0, `-1`: 0, `null`: 0, `"soon"`: 0, `"NaN"`: 0, `true`: 0, `{}`: 0, `""`: 0,
	} {
		if got := (response{"expires_in": []byte(raw)}).seconds("expires_in"); got != want {
			t.Errorf("%s: %v, want %v", raw, got, want)
		}
	}
}

// RFC 6749 section 2.3.1: both parts are form-encoded before they are joined.
func TestBasicAuthentication(t *testing.T) {
	t.Parallel()
	var header, body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header.Get("Authorization")
		b, _ := io.ReadAll(r.Body)
		body = string(b)
	}))
	defer server.Close()
	a := New(Options{Vault: newVault(t)})
	defer a.Close()
	target, err := a.target(Server{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := target.post(t.Context(), server.URL, vault.Client{ID: "a:b", Secret: "c d+e%", AuthMethod: authBasic}, url.Values{}); err != nil {
		t.Fatal(err)
	}
	want := &http.Request{Header: http.Header{}}
	want.SetBasicAuth("a%3Ab", "c+d%2Be%25")
	if header != want.Header.Get("Authorization") || body != "" {
		t.Errorf("sent %s and %q", header, body)
	}
}

func FuzzRedirect(f *testing.F) {
	for _, seed := range []string{"?code=c&state=s", "http://127.0.0.1/callback?code=c&state=s&iss=i#f", "code=c", "error=e&state=s", "%zz"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, pasted string) {
		q, err := parseRedirect(pasted)
		if err == nil && (q.Get("state") == "" || q.Get("code") == "" && q.Get("error") == "") {
			t.Errorf("%q was taken for a redirect: %v", pasted, q)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, "application/json", `{"access_token":"a","expires_in":1}`)
	f.Add(400, "text/plain", `error=x&error_description=%00`)
	f.Fuzz(func(t *testing.T, status int, contentType, body string) {
		resp := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {contentType}}, Request: &http.Request{URL: &url.URL{Host: "h"}}}
		a, err := reader.readResponse(resp, []byte(body), nil)
		if err != nil && strings.ContainsAny(err.Error(), "\n\r\x00\x1b") {
			t.Errorf("control characters in %q", err)
		}
		if d := a.seconds("expires_in"); d < 0 || d > maxSeconds*time.Second {
			t.Errorf("a lifetime of %v", d)
		}
	})
}
