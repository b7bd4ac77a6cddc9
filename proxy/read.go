package proxy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jmespath/go-jmespath"
)

// Bounds on what one read_result returns.
const (
	defaultPage   = 16 << 10 // bytes of text
	maxPage       = 48 << 10
	maxMatches    = 100
	maxMatchBytes = 500 // of one line; a longer one is shown around its match
)

// A ReadRequest asks for a part of a stored result: a page of its text, the
// lines that match Grep, or what Select finds in its value.
type ReadRequest struct {
	ID     string
	Offset int64  // in bytes of the text
	Limit  int    // bytes of a page, or matches; 0 is the default
	Grep   string // RE2
	Select string // JMESPath
}

// A ReadResult is one of three things: a page, matches or a value.
type ReadResult struct {
	ID      string          `json:"result_id"`
	Total   int64           `json:"total_bytes"`
	Offset  *int64          `json:"offset,omitempty"`
	Next    *int64          `json:"next_offset,omitempty"`
	Text    *string         `json:"text,omitempty"`
	Matches *[]Match        `json:"matches,omitempty"`
	Cut     string          `json:"cut,omitempty"` // says what was left out
	Value   json.RawMessage `json:"value,omitempty"`
}

// A Match is one line of a stored text that matched, without its line end.
type Match struct {
	Line int    `json:"line"` // 1-based
	Text string `json:"text"`
}

// ReadResult reads a part of a stored result.
func (p *Proxy) ReadResult(r ReadRequest) (ReadResult, error) { return p.results.read(r) }

func (r *results) read(q ReadRequest) (ReadResult, error) {
	s, text, value, err := r.find(q.ID)
	if err != nil {
		return ReadResult{}, err
	}
	out := ReadResult{ID: s.id, Total: s.total}
	switch {
	case q.Grep != "" && q.Select != "":
		return out, badRead("grep", "and select cannot be used together")
	case q.Grep != "":
		err = out.grep(text, q)
	case q.Select != "":
		err = out.choose(value, q)
	default:
		err = out.page(text, q)
	}
	if errors.Is(err, os.ErrNotExist) {
		err = &ResultExpiredError{ID: q.ID} // removed between find and here
	}
	return out, err
}

func badRead(field, reason string) error {
	return &RequestError{Action: string(actionReadResult), Field: field, Reason: reason}
}

// page reads whole characters from an offset, which it moves back to the
// beginning of the character it points into.
func (out *ReadResult) page(path string, q ReadRequest) error {
	if q.Offset < 0 || q.Offset > out.Total {
		return badRead("offset", fmt.Sprintf("must be between 0 and %d", out.Total))
	}
	n := q.Limit
	if n <= 0 {
		n = defaultPage
	}
	n = max(min(n, maxPage), utf8.UTFMax)
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	from := max(0, q.Offset-utf8.UTFMax+1)
	buf := make([]byte, int(q.Offset-from)+n+utf8.UTFMax)
	read, err := f.ReadAt(buf, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	buf = buf[:read]
	start := int(q.Offset - from)
	for start > 0 && start < len(buf) && !utf8.RuneStart(buf[start]) {
		start--
	}
	end := min(start+n, len(buf))
	for end < len(buf) && end > start && !utf8.RuneStart(buf[end]) {
		end--
	}
	offset, text := from+int64(start), string(buf[start:end])
	out.Offset, out.Text = &offset, &text
	if next := from + int64(end); next < out.Total {
		out.Next = &next
	}
	return nil
}

// grep reads the text line by line; only one line is held at a time.
func (out *ReadResult) grep(path string, q ReadRequest) error {
	re, err := regexp.Compile(q.Grep)
	if err != nil {
		return badRead("grep", "is not a valid RE2 expression: "+err.Error())
	}
	most := q.Limit
	if most <= 0 || most > maxMatches {
		most = maxMatches
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	matches := []Match{}
	r := bufio.NewReader(f)
	for n, size := 1, 0; ; n++ {
		line, err := r.ReadBytes('\n')
		if line = bytes.TrimRight(line, "\r\n"); err == nil || len(line) > 0 {
			if at := re.FindIndex(line); at != nil {
				if len(matches) == most || size > maxPage {
					out.Cut = fmt.Sprintf("more lines match; these are the first %d", len(matches))
					break
				}
				matches = append(matches, Match{Line: n, Text: around(line, at)})
				size += len(matches[len(matches)-1].Text)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	out.Matches = &matches
	return nil
}

// around returns a line, or the part of a long one around a match.
func around(line []byte, at []int) string {
	if len(line) <= maxMatchBytes {
		return string(line)
	}
	from := max(0, at[0]-maxMatchBytes/4)
	to := min(len(line), from+maxMatchBytes)
	for from > 0 && !utf8.RuneStart(line[from]) {
		from--
	}
	for to < len(line) && !utf8.RuneStart(line[to]) {
		to--
	}
	s := string(line[from:to])
	if from > 0 {
		s = "…" + s
	}
	if to < len(line) {
		s += "…"
	}
	return s
}

// choose selects from the structured content, else from the text as JSON.
func (out *ReadResult) choose(path string, q ReadRequest) error {
	expr, err := jmespath.Compile(q.Select)
	if err != nil {
		return badRead("select", "is not a valid JMESPath expression: "+err.Error())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var n numbers
	v, err := n.decode(data)
	if err != nil {
		return badRead("select", "needs JSON, which this result is not; use offset or grep")
	}
	found, err := expr.Search(v)
	if err != nil {
		return badRead("select", "failed: "+err.Error())
	}
	value := compact(n.restore(found))
	if len(value) > maxPage {
		out.Cut = fmt.Sprintf("the value has %d bytes; this is the beginning of its JSON text: select less", len(value))
		value = compact(cutText(string(value), maxPage))
	}
	out.Value = value
	return nil
}

// numbers lets JMESPath compare numbers, which it does as float64 only, and
// still gives each back with the digits it was written with.
type numbers struct{ written map[float64]string }

func (n *numbers) decode(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	n.written = make(map[float64]string)
	return n.floats(v), nil
}

func (n *numbers) floats(v any) any {
	switch v := v.(type) {
	case json.Number:
		return n.float(string(v))
	case []any:
		for i := range v {
			v[i] = n.floats(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = n.floats(v[k])
		}
	}
	return v
}

// float returns a value that no other way of writing a number has. Of two
// numbers that only differ beyond the precision of a float64 one gets a
// neighbour.
func (n *numbers) float(text string) any {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return json.Number(text) // beyond the range: it can be shown, not compared
	}
	for {
		have, taken := n.written[f]
		if !taken || have == text {
			n.written[f] = text
			return f
		}
		if !strings.ContainsAny(have+text, ".eE") {
			f = math.Nextafter(f, math.Inf(1))
			continue
		}
		return f // such as 1 and 1.0: equal, so that either stands for both
	}
}

func (n *numbers) restore(v any) any {
	switch v := v.(type) {
	case float64:
		if text, ok := n.written[v]; ok {
			return json.Number(text)
		}
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = n.restore(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			out[k] = n.restore(v[k])
		}
		return out
	}
	return v
}
