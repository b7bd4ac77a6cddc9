package upstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy/upstream/raw"
)

// A capture takes the answer to one request of the SDK's HTTP session out of
// the response as raw bytes, from the POST's own stream or the one it is
// resumed on. The session gets a substitute that it can read, and goes on
// doing everything around the answer.
type capture struct {
	token    string // of the request's progress notifications
	progress func(params json.RawMessage)
	// substitute returns what the session gets in place of a result.
	substitute func(result json.RawMessage) json.RawMessage
	limit      int // of the message with the answer, in bytes
	// emptyCursor says that the params need a cursor that the SDK leaves out.
	emptyCursor bool

	mu sync.Mutex
	captureState
}

type captureState struct {
	id     json.RawMessage // of the request, as it was sent
	method string
	sent   bool            // the request itself may have reached the upstream
	status int             // of the answer to the request itself, 0 before one
	result json.RawMessage // nil until captured
	failed *jsonrpc.Error  // the upstream's answer instead of a result
	large  *SizeError      // the answer was too large

	malformed *MalformedError // the answer is none
	refusal   *StatusError    // the upstream did not take the request, or is none
}

// refused reports whether the upstream did not take the request.
func (s captureState) refused() bool { return s.refusal != nil }

func newCapture(token string, limit int, substitute func(json.RawMessage) json.RawMessage) *capture {
	return &capture{token: token, limit: limit, substitute: substitute, progress: func(json.RawMessage) {}}
}

func (c *capture) state() captureState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.captureState
}

func (c *capture) update(change func(*captureState)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.captureState)
}

// tap puts the capture between resp's body and its reader. What becomes of a
// GET, which resumes the stream of a request, says nothing about the request.
func (c *capture) tap(req *http.Request, resp *http.Response, redact func(string) string) {
	media := mediaType(resp)
	if req.Method == http.MethodPost {
		c.update(func(s *captureState) {
			s.status, s.failed, s.malformed, s.refusal = resp.StatusCode, nil, nil, nil
		})
		nowhere := false
		if resp.StatusCode/100 == 3 {
			_, err := resp.Location()
			nowhere = err != nil || !isFollowed(resp.StatusCode) && resp.StatusCode != http.StatusMultipleChoices
			if nowhere {
				resp.Header.Del("Location")
			}
		}
		if resp.StatusCode >= 400 || nowhere || media == "text/html" || isEncoded(resp) {
			c.refused(resp, redact)
			return
		}
	}
	switch {
	case resp.StatusCode/100 != 2, req.Method != http.MethodPost && media != "text/event-stream":
		keep(resp)
	case media == "text/event-stream":
		resp.StatusCode = http.StatusOK
		resp.Body = newEventTap(resp.Body, c.limit, c.take, c.tooLarge)
	default: // some servers call their JSON text
		was := *resp
		c.isJSON(resp, &jsonTap{capture: c, body: resp.Body, refusal: func(body []byte) *StatusError {
			return refusalOf(&was, body[:min(len(body), maxRefusal)], redact)
		}})
	}
}

func (c *capture) isJSON(resp *http.Response, body io.ReadCloser) {
	resp.StatusCode, resp.ContentLength, resp.Body = http.StatusOK, -1, body
	resp.Header.Set("Content-Type", "application/json")
}

// challenges reports whether an answer asks for authorization, which is the
// authorization handler's to deal with.
func challenges(resp *http.Response) bool {
	return resp.StatusCode == http.StatusUnauthorized || resp.Header.Get("WWW-Authenticate") != ""
}

// refused notes an answer that is no success. What a definite answer to a call
// says goes past the session, which would end on many of them. The session
// deals with challenges, and with 404, by which a session is lost.
func (c *capture) refused(resp *http.Response, redact func(string) string) {
	body := readRefusal(resp)
	refusal := refusalOf(resp, replace(resp, body[:min(len(body), maxRefusal)]), redact)
	c.update(func(s *captureState) { s.refusal = refusal })
	if refusal.Challenge {
		return
	}
	failed := errorIn(body)
	answered := failed != nil
	if answered {
		c.update(func(s *captureState) { s.failed = failed })
		if member, err := json.Marshal(failed); err == nil && len(body) > maxRefusal {
			replace(resp, c.stead("error", member))
		}
	}
	if c.token != "" && resp.StatusCode != http.StatusNotFound && (answered || refusal.Words != "" || resp.StatusCode != http.StatusForbidden) {
		c.isJSON(resp, io.NopCloser(bytes.NewReader(c.refuse())))
	}
}

// errorIn returns the JSON-RPC error in the body of a refusal, nil if there is
// none. One that is cut counts by its code and message, without its data.
func errorIn(body []byte) *jsonrpc.Error {
	for _, data := range messages(body) {
		if e := raw.Open(data); e.Method != nil || !raw.IsObject(e.Error) {
			continue
		} else if w := answeredError(e.Error); raw.Valid(data) {
			return w
		} else if w.Code != 0 && w.Message != "" {
			w.Data = nil
			return w
		}
	}
	return nil
}

// fail notes the error member of an answer, and reports whether it is one.
func (c *capture) fail(member json.RawMessage) bool {
	w := answeredError(member)
	c.update(func(s *captureState) { s.failed = w })
	return w != nil
}

// answeredError reads the error member of an answer, nil if there is none. Some
// servers write no more than a text. What is too much is left out.
func answeredError(member json.RawMessage) *jsonrpc.Error {
	if member == nil || string(member) == "null" {
		return nil
	}
	var w jsonrpc.Error
	if !raw.IsObject(member) {
		w.Message = textOf(member)
		return &w
	}
	for key, at := range raw.Members(member) {
		value := at.In(member)
		switch {
		case raw.KeyIs(key, "code"):
			json.Unmarshal(value[:min(len(value), maxIDLength)], &w.Code)
		case raw.KeyIs(key, "message"):
			w.Message = textOf(value)
		case raw.KeyIs(key, "data") && len(value) > maxRefusal:
			w.Data = raw.Encode(fmt.Sprintf("left out: %d bytes", len(value)))
		case raw.KeyIs(key, "data"):
			w.Data = bytes.Clone(value)
		}
	}
	return &w
}

// textOf returns the beginning of a text, or of what stands in its place as it is
// written.
func textOf(value []byte) string {
	if len(value) > 0 && value[0] == '"' {
		text := limited{left: maxRefusal}
		_ = raw.Unescape(&text, value) // ends where it is full
		return strings.ToValidUTF8(string(text.data), "")
	}
	return string(value[:min(len(value), maxRefusal)])
}

// A limited keeps the first bytes that are written to it.
type limited struct {
	data []byte
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	n := min(len(b), l.left)
	l.data, l.left = append(l.data, b[:n]...), l.left-n
	if n < len(b) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

// take returns what the session gets of an event or a body: of each message of a
// batch, and last of the answer. That is the response with the id of the request,
// or else the first.
func (c *capture) take(data []byte) [][]byte {
	if !isBatch(data) {
		return [][]byte{c.filter(data)}
	}
	id := string(c.state().id)
	var out [][]byte
	var response []byte
	ours, left := false, maxSmall
	for _, data := range messages(data) {
		e := raw.Open(data)
		mine := string(e.ID) == id || string(e.ID) == `"`+id+`"`
		switch {
		case e.Method != nil:
			if left -= len(data); left >= 0 {
				out = append(out, c.filter(data))
			}
		case mine && !ours, response == nil && (e.Result != nil || e.Error != nil):
			response, ours = data, mine
		}
	}
	if response != nil {
		out = append(out, c.filter(response))
	}
	return out
}

// filter returns what the session gets of a message, nil for nothing.
func (c *capture) filter(data []byte) []byte {
	var e envelope
	err := e.read(data)
	switch {
	case err != nil:
		return c.unread(data)
	case e.Method != nil && e.ID == nil:
		if token, ok := progressToken(e.Params); ok && token == c.token {
			c.progress(e.Params)
			return nil
		}
	case e.Method != nil:
	case e.Result != nil && answeredError(e.Error) == nil:
		c.update(func(s *captureState) { s.result = e.Result })
		return c.stead("result", c.substitute(e.Result))
	case c.fail(e.Error):
		return c.refuse()
	default:
		return c.unread(data)
	}
	return e.forSession(data)
}

// unread is filter for what is no message.
func (c *capture) unread(data []byte) []byte {
	_, problem := malformedAnswer(data)
	if problem == nil {
		return nil
	}
	c.update(func(s *captureState) { s.malformed = problem })
	return c.refuse()
}

// tooLarge notes that the answer was too large, and returns what the session
// gets in its place.
func (c *capture) tooLarge(err *SizeError) []byte {
	c.update(func(s *captureState) { s.large = err })
	return c.refuse()
}

// refuse is an error for the session, which goes on after it.
func (c *capture) refuse() []byte {
	return c.stead("error", json.RawMessage(`{"code":-32603,"message":"no result"}`))
}

// stead makes a message that the session takes for the answer to the request,
// whatever id the upstream's own had.
func (c *capture) stead(member string, value json.RawMessage) []byte {
	out := append([]byte(`{"jsonrpc":"2.0","id":`), c.state().id...)
	out = append(append(out, `,"`...), member...)
	return append(append(append(out, `":`...), value...), '}')
}

// A jsonTap filters a body that is one message, the answer.
type jsonTap struct {
	*capture
	body    io.ReadCloser
	refusal func(body []byte) *StatusError // describes a body that is no message
	out     *bytes.Reader
}

func (t *jsonTap) Read(p []byte) (int, error) {
	if t.out == nil {
		data, err := readBody(t.body, t.limit)
		large, ok := errors.AsType[*SizeError](err)
		switch {
		case ok:
			t.body.Close()
			data = t.tooLarge(large)
		case err != nil:
			return 0, err
		default:
			data = t.answer(withoutMark(data))
		}
		t.out = bytes.NewReader(data)
	}
	return t.out.Read(p)
}

// answer returns what the session gets of the body.
func (t *jsonTap) answer(body []byte) []byte {
	passed := t.take(body)
	if got := t.state(); got.result == nil && got.failed == nil && got.malformed == nil {
		refusal := t.refusal(body)
		t.update(func(s *captureState) { s.refusal = refusal })
		return t.refuse()
	}
	return passed[len(passed)-1]
}

func (t *jsonTap) Close() error { return t.body.Close() }

// An eventTap filters a stream of server-sent events, event by event.
type eventTap struct {
	body   io.ReadCloser
	events *eventReader
	filter func(data []byte) [][]byte  // what passes of an event, as messages; nil for nothing
	large  func(err *SizeError) []byte // what passes in place of an event that is too large, and ends the stream
	out    bytes.Buffer
	err    error
}

func newEventTap(body io.ReadCloser, limit int, filter func([]byte) [][]byte, large func(*SizeError) []byte) *eventTap {
	return &eventTap{body: body, events: newEventReader(body, limit), filter: filter, large: large}
}

func (t *eventTap) Read(p []byte) (int, error) {
	for t.out.Len() == 0 && t.err == nil {
		t.err = t.event()
	}
	if t.out.Len() > 0 {
		return t.out.Read(p)
	}
	return 0, t.err
}

// event writes what passes of the next event.
func (t *eventTap) event() error {
	e, err := t.events.next()
	if large, ok := errors.AsType[*SizeError](err); ok {
		t.body.Close()
		t.write(event{}, t.large(large))
		return io.EOF
	}
	if err != nil {
		return err
	}
	if e.name != "" && e.name != "message" {
		return nil
	}
	for _, data := range t.filter(e.data) {
		t.write(e, data)
		e = event{}
	}
	t.write(e, nil) // the id of an event counts, though nothing of it passes
	return nil
}

func (t *eventTap) write(e event, data []byte) {
	before := t.out.Len()
	for _, field := range []struct{ name, value string }{{"id", e.id}, {"retry", e.retry}, {"data", string(data)}} {
		if field.value != "" {
			t.out.WriteString(field.name + ": " + field.value + "\n")
		}
	}
	if t.out.Len() > before {
		t.out.WriteByte('\n')
	}
}

func (t *eventTap) Close() error { return t.body.Close() }
