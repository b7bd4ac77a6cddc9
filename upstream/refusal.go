package upstream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"mcpproxy/upstream/raw"
)

// A StatusError is an HTTP answer that is neither a JSON-RPC message nor a
// stream of them. The authorization handler's error after a 401 or 403 is in
// its chain.
type StatusError struct {
	Code       int
	Challenge  bool          // it asks for authorization
	Page       bool          // it is a web page
	Words      string        // what it says, one line, redacted; may be empty
	RetryAfter time.Duration // for which the upstream wants to be left alone, at most a day
	Err        error
}

func (e *StatusError) Error() string {
	s := strings.TrimSpace(fmt.Sprintf("HTTP %d %s", e.Code, http.StatusText(e.Code)))
	switch {
	case e.Page:
		s += " with a web page"
	case e.Words != "":
		s += ": " + e.Words
	case e.Code < 300:
		s += " with nothing in it"
	case e.Code == http.StatusMultipleChoices || isFollowed(e.Code):
		s += ", a redirect that does not say where"
	}
	return s
}

// Refused reports whether the server does not let us in. One that says why not,
// and does not ask for authorization, refuses no more than the request.
func (e *StatusError) Refused() bool {
	return e.Code == http.StatusUnauthorized || e.Code == http.StatusForbidden && (e.Challenge || e.Words == "")
}

func (e *StatusError) Unwrap() error { return e.Err }

// A BusyError is a JSON-RPC error, which is in its chain, with the time for which
// the upstream wants to be left alone.
type BusyError struct {
	Err        error
	RetryAfter time.Duration // at most a day
}

func (e *BusyError) Error() string { return e.Err.Error() }
func (e *BusyError) Unwrap() error { return e.Err }

// with returns e with err in its chain.
func (e *StatusError) with(err error) *StatusError {
	full := *e
	full.Err = err
	return &full
}

// refusalOf describes an answer with the beginning of its body.
func refusalOf(resp *http.Response, body []byte, redact func(string) string) *StatusError {
	e := &StatusError{Code: resp.StatusCode, Challenge: challenges(resp), RetryAfter: retryAfter(resp.Header.Get("Retry-After"))}
	if isEncoded(resp) {
		e.Words = "the content encoding " + words([]byte(resp.Header.Get("Content-Encoding")), redact) + ", which was not asked for"
	} else if isPage(resp, body) {
		e.Page = true
	} else {
		e.Words = words(body, redact)
	}
	return e
}

// Compiled when they are first needed, since a start has no time for it.
var (
	pageStart = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)^\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b`)
	})
	markup = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?s)<[^<>]*>`) })
)

// isPage reports whether a body is meant for a browser.
func isPage(resp *http.Response, body []byte) bool {
	return mediaType(resp) == "text/html" || pageStart().Match(body)
}

// isEncoded reports whether a body is compressed in a way that net/http, which
// asks for gzip, has not undone.
func isEncoded(resp *http.Response) bool {
	coding := resp.Header.Get("Content-Encoding")
	return coding != "" && !strings.EqualFold(coding, "identity")
}

// maxRetryAfter bounds how long an upstream can ask to be left alone.
const maxRetryAfter = 24 * time.Hour

// retryAfter reads a header of that name (RFC 9110, 10.2.3).
func retryAfter(value string) time.Duration {
	if s, err := strconv.ParseInt(value, 10, 32); err == nil {
		return min(max(0, time.Duration(s)*time.Second), maxRetryAfter)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(0, time.Until(at)), maxRetryAfter)
	}
	return 0
}

// maxWords bounds what is kept of the words of an upstream, in bytes.
const maxWords = 300

// words returns what a body says in one line. Secrets are masked before it is
// cut, since half of one is not found.
func words(body []byte, redact func(string) string) string {
	text := said(body)
	if body = bytes.TrimSpace(body); text == "" && bytes.HasPrefix(body, []byte("<")) { // XML
		text = strings.Join(strings.Fields(string(markup().ReplaceAll(body, []byte(" ")))), " ")
	} else if text == "" {
		text, _, _ = strings.Cut(string(body), "\n")
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(redact(text), "\uFFFD")) // what redacts removes escape sequences as a whole
	text = redact(strings.TrimSpace(text))
	if len(text) > maxWords {
		text = strings.ToValidUTF8(text[:maxWords], "")
	}
	return text
}

// said returns the text of the member of a JSON object in which servers say
// what is wrong, or "".
func said(body []byte) string {
	if !raw.Valid(body) {
		return ""
	}
	for _, name := range []string{"error_description", "message", "detail", "error", "title"} {
		value := raw.Member(body, name)
		var text string
		if json.Unmarshal(value, &text) == nil && text != "" {
			return text
		}
		if text := raw.Member(value, "message"); json.Unmarshal(text, &name) == nil && text != nil {
			return name
		}
	}
	return ""
}
