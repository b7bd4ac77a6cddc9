package upstream

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy/upstream/raw"
)

// A capture takes the result of one request of the SDK's HTTP session out of
// the response as raw bytes, from the POST's own stream or the one it is
// resumed on. The session gets a substitute that it can read, and goes on
// doing everything around the result.
type capture struct {
	token    string // of the request's progress notifications
	progress func(params json.RawMessage)
	// substitute returns what the session gets in place of a result.
	substitute func(result json.RawMessage) json.RawMessage

	mu sync.Mutex
	captureState
}

type captureState struct {
	result json.RawMessage // nil until captured
	failed *jsonrpc.Error  // the upstream's answer instead of a result
	sent   bool            // the request itself may have reached the upstream
	status int             // of the answer to the request itself, 0 before one
}

// refused reports whether the upstream did not take the request.
func (s captureState) refused() bool { return s.status >= 400 }

func (c *capture) state() captureState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.captureState
}

// sending notes that the request is being sent. A GET only resumes its stream.
func (c *capture) sending(req *http.Request) {
	if req.Method == http.MethodPost {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.sent = true
	}
}

// notSent takes sending back, because no connection was made.
func (c *capture) notSent(req *http.Request) {
	if req.Method == http.MethodPost {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.sent = false
	}
}

// tap puts the capture between resp's body and its reader. What becomes of a
// GET, which resumes the stream of a request, says nothing about the request.
func (c *capture) tap(req *http.Request, resp *http.Response) {
	if req.Method == http.MethodPost {
		c.mu.Lock()
		c.status, c.failed = resp.StatusCode, nil
		c.mu.Unlock()
		if resp.StatusCode >= 400 && !challenges(resp) {
			c.refusal(resp)
		}
	}
	if resp.StatusCode != http.StatusOK {
		return
	}
	switch media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); media {
	case "application/json":
		resp.Body = &jsonTap{capture: c, body: resp.Body}
		resp.ContentLength = -1
	case "text/event-stream":
		resp.Body = newEventTap(c, resp.Body)
	}
}

// challenges reports whether an answer asks for authorization, which is the
// authorization handler's to deal with.
func challenges(resp *http.Response) bool {
	return resp.StatusCode == http.StatusUnauthorized || resp.Header.Get("WWW-Authenticate") != ""
}

// maxRefusal bounds what is read of the body of a refusal, in bytes.
const maxRefusal = 64 << 10

// refusal looks for a JSON-RPC error in the body of an answer that is no
// success.
func (c *capture) refusal(resp *http.Response) {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	var e envelope
	if e.read(body) == nil && e.Method == nil {
		c.fail(e.Error)
	}
}

// fail notes the error member of an answer.
func (c *capture) fail(member json.RawMessage) {
	var w jsonrpc.Error
	if !raw.IsObject(member) || json.Unmarshal(member, &w) != nil {
		return
	}
	c.mu.Lock()
	c.failed = &w
	c.mu.Unlock()
}

// filter returns what the session gets of a message, nil for nothing.
func (c *capture) filter(data []byte) []byte {
	var e envelope
	if e.read(data) != nil {
		return data
	}
	switch {
	case e.Method != nil && e.ID == nil:
		if token, ok := progressToken(e.Params); ok && token == c.token {
			c.progress(e.Params)
			return nil
		}
	case e.Method == nil && e.Error != nil:
		c.fail(e.Error)
	case e.Method == nil && e.Result != nil:
		c.mu.Lock()
		c.result = e.Result
		c.mu.Unlock()
		out := append([]byte(`{"jsonrpc":"2.0","id":`), e.ID...)
		out = append(out, `,"result":`...)
		return append(append(out, c.substitute(e.Result)...), '}')
	}
	return data
}

// A jsonTap filters a body that is one message.
type jsonTap struct {
	*capture
	body io.ReadCloser
	out  *bytes.Reader
}

func (t *jsonTap) Read(p []byte) (int, error) {
	if t.out == nil {
		data, err := io.ReadAll(io.LimitReader(t.body, maxMessage+1))
		if err == nil && len(data) > maxMessage {
			err = errTooLong
		}
		if err != nil {
			return 0, err
		}
		t.out = bytes.NewReader(t.filter(data))
	}
	return t.out.Read(p)
}

func (t *jsonTap) Close() error { return t.body.Close() }

// An eventTap filters a stream of server-sent events, event by event (HTML
// Living Standard, 9.2.6). Lines other than data pass as they are.
type eventTap struct {
	*capture
	body io.ReadCloser
	r    *bufio.Reader
	out  bytes.Buffer
	err  error
}

func newEventTap(c *capture, body io.ReadCloser) *eventTap {
	return &eventTap{capture: c, body: body, r: bufio.NewReaderSize(body, 32<<10)}
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

// event reads up to the blank line that ends an event, and writes what the
// session gets of it. The end of the stream discards an unfinished event.
func (t *eventTap) event() error {
	var data, rest []byte
	named := false // an event of another type than message
	for {
		line, err := t.line(maxMessage - len(data) - len(rest))
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		if string(field) == "data" {
			if data != nil {
				data = append(data, '\n')
			}
			data = append(data, value...)
			continue
		}
		if string(field) == "event" && len(value) > 0 && string(value) != "message" {
			named = true
		}
		rest = append(append(rest, line...), '\n')
	}
	if len(data) > 0 && !named {
		data = t.filter(data)
	}
	t.out.Write(rest)
	// Line ends in a JSON text are only space.
	if data = bytes.ReplaceAll(data, []byte("\n"), []byte(" ")); len(data) > 0 {
		t.out.WriteString("data: ")
		t.out.Write(data)
		t.out.WriteByte('\n')
	}
	if t.out.Len() > 0 {
		t.out.WriteByte('\n')
	}
	return nil
}

// line reads one line of at most limit bytes.
func (t *eventTap) line(limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := t.r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > limit:
			return nil, errTooLong
		case !errors.Is(err, bufio.ErrBufferFull):
			return line, err
		}
	}
}

func (t *eventTap) Close() error { return t.body.Close() }
