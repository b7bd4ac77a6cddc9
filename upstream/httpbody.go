package upstream

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"mcpproxy/upstream/raw"
)

// Bounds of what comes from an upstream over HTTP, in bytes after
// decompression. Only the answer to a call may be as large as maxMessage.
const (
	maxSmall   = 4 << 20  // any message that is no answer to a call or a list
	maxRefusal = 64 << 10 // kept of the body of a refusal, or of a line that is no data
	oneStep    = 8 << 20  // what is larger gets all of its bound at once
)

// A SizeError says that a message of the upstream was too large to be taken.
type SizeError struct{ Limit int } // bytes

func (e *SizeError) Error() string { return fmt.Sprintf("a message of more than %d MiB", e.Limit>>20) }

// grow returns buf with room for more bytes, up to the limit. Memory that
// nothing was written to is not taken from the system, so that a large buffer
// need not be copied from one size to the next, which would hold it twice.
func grow(buf []byte, more, limit int) ([]byte, error) {
	need := len(buf) + more
	switch {
	case need > limit:
		return nil, &SizeError{Limit: limit}
	case need <= cap(buf):
		return buf, nil
	}
	size := max(need, 2*cap(buf), 4096)
	if size > oneStep {
		size = limit
	}
	bigger := make([]byte, len(buf), min(size, limit))
	copy(bigger, buf)
	return bigger, nil
}

// readBody reads a body of at most limit bytes.
func readBody(body io.Reader, limit int) ([]byte, error) {
	var buf []byte
	for {
		if len(buf) == cap(buf) {
			// The byte beyond the limit shows that there is one.
			var large error
			if buf, large = grow(buf, 1, limit+1); large != nil {
				return nil, &SizeError{Limit: limit}
			}
		}
		n, err := body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > limit:
			return nil, &SizeError{Limit: limit}
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return nil, err
		}
	}
}

// refusalWait bounds the time for a body that is kept. Some servers do not end
// what they have said, and the status alone says most.
const refusalWait = 2 * time.Second

// keep replaces a body by its first bytes, as far as they come in time.
func keep(resp *http.Response) []byte {
	body := readRefusal(resp)
	return replace(resp, body[:min(len(body), maxRefusal)])
}

// replace replaces a body by another, and returns that.
func replace(resp *http.Response, body []byte) []byte {
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	return body
}

// readRefusal reads the first bytes of a body, as far as they come in time, and
// closes it. Of a stream of events it reads the first answer in it, or else the
// first message, which servers send without ending the stream. Only what may be
// JSON is read beyond maxRefusal.
func readRefusal(resp *http.Response) []byte {
	from := resp.Body
	defer from.Close()
	defer time.AfterFunc(refusalWait, func() { from.Close() }).Stop()
	if mediaType(resp) == "text/event-stream" {
		return firstAnswer(io.LimitReader(from, maxSmall))
	}
	body, _ := io.ReadAll(io.LimitReader(from, maxRefusal))
	body = withoutMark(body)
	if len(body) >= maxRefusal-len(byteOrderMark) && (raw.IsObject(body) || isBatch(body)) {
		rest, _ := io.ReadAll(io.LimitReader(from, maxSmall-maxRefusal))
		body = append(body, rest...)
	}
	return body
}

// byteOrderMark stands before the texts of some programs on Windows.
const byteOrderMark = "\ufeff"

// withoutMark returns a body without the mark before it.
func withoutMark(body []byte) []byte { return bytes.TrimPrefix(body, []byte(byteOrderMark)) }

// firstAnswer returns the first answer in a stream of events, or else the first
// message, or else the stream.
func firstAnswer(stream io.Reader) []byte {
	var all bytes.Buffer
	var first []byte
	for events := newEventReader(io.TeeReader(stream, &all), maxSmall); ; {
		e, err := events.next()
		switch {
		case err != nil && first == nil:
			return all.Bytes()
		case err != nil:
			return first
		case holdsAnswer(e.data):
			return e.data
		case first == nil && len(e.data) > 0:
			first = e.data
		}
	}
}

// holdsAnswer reports whether one of the messages is an answer.
func holdsAnswer(data []byte) bool {
	return slices.ContainsFunc(messages(data), func(data []byte) bool {
		var m envelope
		return m.read(data) == nil && m.Method == nil && (m.Result != nil || m.Error != nil)
	})
}

// An event is one server-sent event.
type event struct {
	name, id, retry string
	data            []byte // lines are joined by spaces, which is the same to JSON
	ended           bool   // by the end of the stream, perhaps in its middle
}

// An eventReader reads server-sent events (HTML Living Standard, 9.2.6), each
// of at most limit bytes of data. Other than the standard says, the end of the
// stream ends an event too: real servers leave the blank line out.
type eventReader struct {
	r     *bufio.Reader
	limit int
	begun bool
}

func newEventReader(body io.Reader, limit int) *eventReader {
	return &eventReader{r: bufio.NewReaderSize(&lineEnds{r: body}, 32<<10), limit: limit}
}

// lineEnds makes one LF of each CR, LF and CRLF.
type lineEnds struct {
	r  io.Reader
	cr bool // the last byte was a CR
}

func (l *lineEnds) Read(p []byte) (int, error) {
	for {
		n, err := l.r.Read(p)
		text := p[:n]
		if l.cr && n > 0 {
			text, l.cr = bytes.TrimPrefix(text, []byte("\n")), false
		}
		out := p[:0]
		for len(text) > 0 {
			before, after, found := bytes.Cut(text, []byte("\r"))
			out = append(out, before...)
			if text = after; !found {
				break
			}
			out = append(out, '\n')
			l.cr = len(after) == 0
			text = bytes.TrimPrefix(after, []byte("\n"))
		}
		if len(out) > 0 || err != nil {
			return len(out), err
		}
	}
}

// next returns the next event.
func (r *eventReader) next() (event, error) {
	var e event
	if !r.begun {
		r.begun = true
		if mark, _ := r.r.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
			r.r.Discard(len(byteOrderMark))
		}
	}
	for some := false; ; {
		n, err := r.line(&e)
		some = some || n > 0
		switch {
		case err == nil && n == 0 && some:
			return e, nil
		case err == nil:
		case some && !isA[*SizeError](err):
			e.ended = true
			return e, nil
		default:
			return event{}, err
		}
	}
}

// line reads one line into e, and returns how long it was. An error may come
// with the beginning of a line.
func (r *eventReader) line(e *event) (n int, err error) {
	chunk, err := r.r.ReadSlice('\n')
	n = len(bytes.TrimSuffix(chunk, []byte("\n")))
	field, value, _ := bytes.Cut(chunk[:n], []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	if string(field) == "data" {
		return n, r.data(e, value, err)
	}
	if errors.Is(err, bufio.ErrBufferFull) {
		return n, r.skip()
	}
	switch string(field) {
	case "event":
		e.name = string(value)
	case "id":
		e.id = string(value)
	case "retry":
		e.retry = string(value)
	}
	return n, err
}

// data adds a line of data, of which value was read with err.
func (r *eventReader) data(e *event, value []byte, err error) error {
	if len(e.data) > 0 {
		value = append([]byte{' '}, value...)
	}
	for {
		var large error
		if e.data, large = grow(e.data, len(value), r.limit); large != nil {
			return large
		}
		e.data = append(e.data, value...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		value, err = r.r.ReadSlice('\n')
		value = bytes.TrimSuffix(value, []byte("\n"))
	}
}

// skip reads the rest of a line that is no data, and too long to be kept.
func (r *eventReader) skip() error {
	for n := 0; ; {
		chunk, err := r.r.ReadSlice('\n')
		switch n += len(chunk); {
		case n > maxSmall:
			return &SizeError{Limit: maxSmall}
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

// isBatch reports whether an event or a body begins as a batch of messages does
// (MCP 2025-03-26 allows them).
func isBatch(data []byte) bool {
	data = bytes.TrimLeft(data, " \t\r\n")
	return len(data) > 0 && data[0] == '['
}

// messages returns the messages of a batch, at most maxBatch, or else data as the
// only one.
func messages(data []byte) [][]byte {
	if !isBatch(data) || !raw.Valid(data) {
		return [][]byte{data}
	}
	var all [][]byte
	for at := range raw.Elements(data) {
		if len(all) == maxBatch {
			break
		}
		all = append(all, at.In(data))
	}
	return all
}
