// Package httpfail is about HTTP exchanges that give no usable answer, for upstream
// and auth. A [Sender] keeps net/http from repeating by itself what may have been acted
// upon, and [Plain] says in plain words why there is no answer: the errors of
// net/http name its own parts, which mean nothing to a person or a model, and the
// URL, which may hold a secret.
package httpfail

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Plain returns err in words for people, without a URL. The chain of errors below
// an [*url.Error] stays. It returns nil for nil.
func Plain(err error) error {
	if at, ok := errors.AsType[*url.Error](err); ok {
		err = at.Err
	}
	if err == nil {
		return nil
	}
	if text := words(err); text != err.Error() {
		return &plain{text, err}
	}
	return err
}

type plain struct {
	text string
	err  error
}

func (p *plain) Error() string { return p.text }
func (p *plain) Unwrap() error { return p.err }

// words returns what happened. Much of it net/http tells only in the text.
func words(err error) string {
	text := err.Error()
	noTLS, _ := errors.AsType[tls.RecordHeaderError](err)
	slow, _ := errors.AsType[net.Error](err)
	_, named := errors.AsType[*net.OpError](err) // names the step, such as dial
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return "it speaks HTTP without TLS at this port"
	case noTLS.Msg != "":
		return "it does not speak TLS at this port"
	case strings.Contains(text, "malformed HTTP"), strings.Contains(text, "malformed MIME header"),
		strings.Contains(text, "Content-Length"), strings.Contains(text, "transfer encoding"):
		return "the answer is no HTTP"
	case strings.Contains(text, "chunk length"), strings.Contains(text, "chunked encoding"):
		return "the answer has malformed chunks"
	case errors.Is(err, io.ErrUnexpectedEOF), strings.HasSuffix(text, ": unexpected EOF"):
		return "it closed the connection within the answer"
	case errors.Is(err, io.EOF), strings.Contains(text, "server closed idle connection"):
		return "it closed the connection without an answer"
	case strings.Contains(text, "stream error: stream ID"), strings.Contains(text, "cannot retry err"):
		return errReset.Error()
	case slow != nil && slow.Timeout() && !named:
		return "no answer in time"
	}
	for _, ours := range []string{"HTTP/1.x transport connection broken: ", "Transport failed to read from server: ", "net/http: ", "http2: ", "http: "} {
		text = strings.ReplaceAll(text, ours, "")
	}
	return text
}
