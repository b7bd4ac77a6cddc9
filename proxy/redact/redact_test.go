package redact

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// asJSON returns s as a JSON string.
func asJSON(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func TestRedactValues(t *testing.T) {
	t.Parallel()
	var r Redactor
	if got := r.Redact("nothing secret here"); got != "nothing secret here" {
		t.Errorf("the zero value says %q", got)
	}
	const odd, key = "pass word/\"quo\\ted\"?ü&", "-----BEGIN KEY-----\nfirst-line-of-key\nsecond-line-of-key\n-----END KEY-----"
	r.Add("short", "", "hunter2hunter2", "hunter2hunter2-longer", odd, key, "trailing-newline\n")
	for in, want := range map[string]string{
		"a hunter2hunter2 b":               "a *** b",
		"hunter2hunter2-longer":            "***",
		"xhunter2hunter2x":                 "x***x",
		"short":                            "short",
		odd:                                Mask,
		asJSON(odd):                        `"***"`,
		fmt.Sprintf("%q", odd):             `"***"`,
		"/cb/" + url.QueryEscape(odd):      "/cb/***",
		"/cb/" + url.PathEscape(odd):       "/cb/***",
		"trailing-newline":                 "***",
		"child says: second-line-of-key\n": "child says: ***\n",
		"x " + base64.StdEncoding.EncodeToString([]byte("hunter2hunter2")): "x ***=",
	} {
		if got := r.Redact(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// What cannot be seen must not hide a secret from us, since it is gone when the
// text is shown.
func TestRedactSplitValues(t *testing.T) {
	t.Parallel()
	var r Redactor
	r.Add("0aQ1bW2cE3dR4fT5gY6h", "with\u200bjoiner-inside")
	for _, between := range []string{"\x1b[0m", "\x1b]0;title\x07", "\u200b", "\u00ad", "\x00", "\b", "\x07", "\u202e", "\U000e0041", "\u2060", "\ufeff", "\x7f"} {
		in := "bad key 0aQ1bW2cE" + between + "3dR4fT5gY6h!"
		if got := r.Redact(in); got != "bad key ***!" {
			t.Errorf("%q became %q", in, got)
		}
	}
	if got := r.Redact("x with\u200bjoiner-inside"); got != "x ***" {
		t.Errorf("got %q", got)
	}
	if got, want := r.Redact("caf\u00e9 \U0001f469\u200d\U0001f4bb\tx\r\n"), "caf\u00e9 \U0001f469\u200d\U0001f4bb\tx\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRedactShapes(t *testing.T) {
	t.Parallel()
	var r Redactor
	for in, want := range map[string]string{
		"Authorization: Bearer abcdef":                               "Authorization: ***",
		"> authorization: Basic dXNlcjpwdw==\r\n> accept: text/html": "> authorization: ***\r\n> accept: text/html",
		`{"Authorization":["Bearer abc"],"a":1}`:                     `{"Authorization":["***"],"a":1}`,
		`map[Authorization:[Bearer abc] Accept:[x]]`:                 `map[Authorization:[***] Accept:[x]]`,
		"Cookie: sid=1; theme=dark":                                  "Cookie: ***",
		"sent bearer abc123 to it":                                   "sent bearer *** to it",
		"a Bearer token is needed":                                   "a Bearer token is needed",
		"basic authentication failed":                                "basic authentication failed",
		"X-API-Key: 0123456789":                                      "X-API-Key: ***",
		"GITHUB_API_KEY=0123456789 npx":                              "GITHUB_API_KEY=*** npx",
		`{"client_secret": "abcdefghij", "b": 1}`:                    `{"client_secret": "***", "b": 1}`,
		`{\"refresh_token\":\"abcdefghij\"}`:                         `{\"refresh_token\":\"***\"}`,
		"--password=correct-horse --x":                               "--password=*** --x",
		"client_secret: set it":                                      "client_secret: set it",
		`"token": "abc"`:                                             `"token": "***"`,
		"unexpected token: }":                                        "unexpected token: }",
		"http://localhost/callback?code=abc&state=def":               "http://localhost/callback?code=***&state=def",
		"https://user:word@example.com/x?y=z":                        "https://***@example.com/x?y=z",
		"npm @scope/pkg@1.2.3 https://example.com/@x":                "npm @scope/pkg@1.2.3 https://example.com/@x",
		"got eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln!":              "got ***!",
		"ghp_0123456789abcdefghij and sk-0123456789abcdef":           "*** and ***",
		"exit status 1: module not found":                            "exit status 1: module not found",
	} {
		got := r.Redact(in)
		if got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
		if again := r.Redact(got); again != got {
			t.Errorf("%q redacted again is %q", got, again)
		}
	}
}

func TestRedactorIsConcurrent(t *testing.T) {
	t.Parallel()
	var r Redactor
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			secret := fmt.Sprintf("secret-number-%d", i)
			r.Add(secret)
			if got := r.Redact("x " + secret); strings.Contains(got, secret) {
				t.Errorf("%q right after Add", got)
			}
		})
	}
	all.Wait()
}
