package results

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"unicode/utf8"

	"mcpproxy/catalog/clean"
	"mcpproxy/upstream/raw"
)

// Bounds on what one reply holds, in bytes.
const (
	maxBinary = 5 << 20 // of blocks that are not text, such as images
	headSize  = 4 << 10 // of the beginning of a stored text in the reply
	maxWord   = 100     // of a block's type, in characters
)

// A result is a CallToolResult, split without copying or decoding it.
type result struct {
	raw        []byte // as the upstream wrote it
	blocks     []block
	structured []byte // nil if there is none
}

// A block is an element of a result's content.
type block struct {
	raw  []byte
	text []byte // the JSON string of a text block or of a resource's text; nil for others
}

func parseResult(object []byte) result {
	r := result{raw: object}
	for key, at := range raw.Members(object) {
		value := object[at.Start:at.End]
		switch {
		case raw.KeyIs(key, "content"):
			r.blocks = nil // the last one counts, as in encoding/json
			for at := range raw.Elements(value) {
				r.blocks = append(r.blocks, parseBlock(value[at.Start:at.End]))
			}
		case raw.KeyIs(key, "structuredContent"):
			r.structured = value
		}
	}
	if string(r.structured) == "null" {
		r.structured = nil
	}
	return r
}

func parseBlock(object []byte) block {
	holder := object
	if string(raw.Member(object, "type")) == `"resource"` {
		holder = raw.Member(object, "resource")
	}
	b := block{raw: object}
	if text := raw.Member(holder, "text"); len(text) > 1 && text[0] == '"' {
		b.text = text
	}
	return b
}

// textSize returns the bytes that count against a limit: those of all text and
// of the structured content.
func (r result) textSize() int {
	n := len(r.structured)
	for _, b := range r.blocks {
		n += raw.UnescapedLen(b.text)
	}
	return n
}

// writeText writes the text of all blocks, with a line break between two. If no
// block has text, it writes the structured content.
func (r result) writeText(w io.Writer) error {
	wrote := false
	for _, b := range r.blocks {
		if b.text == nil {
			continue
		}
		if wrote {
			if _, err := w.Write([]byte("\n")); err != nil {
				return err
			}
		}
		wrote = true
		if err := raw.Unescape(w, b.text); err != nil {
			return err
		}
	}
	if wrote {
		return nil
	}
	_, err := w.Write(r.structured)
	return err
}

// maxHandles bounds the blocks of a result that are stored one by one.
const maxHandles = 16

// A Handle replaces in a reply what was stored.
type Handle struct {
	ID       string `json:"result_id,omitempty"` // empty if it could not be stored
	Total    int64  `json:"total_bytes"`         // of what was stored
	Type     string `json:"type,omitempty"`      // of a block that is not text
	MIMEType string `json:"mime_type,omitempty"` // of a block that is not text
	Head     string `json:"head,omitempty"`      // the beginning of a text
	// Structured says that the reply leaves out structured content, from which
	// Query.Select selects.
	Structured bool   `json:"-"`
	Next       string `json:"next"` // how to read the rest
}

// Fit returns the result itself if its text and structured content have at
// most limit bytes and its other blocks at most 5 MiB together. A limit of 0
// means that there is none.
//
// Otherwise it stores what is too large and returns a result with a [Handle]
// in its place, as a text block of JSON. One handle replaces all text and the
// structured content, one replaces each other block beyond the 5 MiB, and after
// 16 of those one replaces all that are left. Their Next is what next returns
// for them. Everything else, such as isError and _meta, keeps its bytes.
//
// What cannot be stored, which is logged, is replaced too, by a handle without
// an ID that holds the beginning of the text.
func (s *Store) Fit(ctx context.Context, object json.RawMessage, limit int, next func(Handle) string) json.RawMessage {
	if limit <= 0 || len(object) <= min(limit, maxBinary) {
		return object
	}
	r := parseResult(object)
	large := r.textSize() > limit
	fits := !large
	var content [][]byte
	replace := func(h Handle) {
		h.Next = next(h)
		content = append(content, raw.Encode(map[string]string{"type": "text", "text": string(raw.Encode(h))}))
	}
	if large {
		replace(s.storeText(ctx, r, limit))
	}
	other, handles := 0, 0
	var rest []block
	for _, b := range r.blocks {
		switch {
		case b.text == nil && other+len(b.raw) > maxBinary && handles == maxHandles:
			rest = append(rest, b)
		case b.text == nil && other+len(b.raw) > maxBinary:
			replace(s.storeBlock(ctx, b, limit))
			fits, handles = false, handles+1
		case b.text == nil:
			other += len(b.raw)
			content = append(content, b.raw)
		case !large:
			content = append(content, b.raw)
		}
	}
	if fits {
		return object
	}
	if len(rest) > 0 {
		replace(s.storeRest(ctx, rest, limit))
	}
	return r.with(content, !large)
}

// storeText stores all text of a result, and its structured content.
func (s *Store) storeText(ctx context.Context, r result, limit int) Handle {
	head := &prefix{room: min(headSize, limit/4)} // escapes make it longer in the reply
	counted := &counter{w: head}
	kept, err := s.keep(ctx, func(w io.Writer) error { return r.writeText(io.MultiWriter(w, counted)) }, r.structured, limit)
	h := Handle{ID: kept.id, Total: kept.total, Structured: r.structured != nil}
	if err != nil {
		s.log.Warn("large result not stored", "error", err)
		*head, *counted = prefix{room: limit / 2}, counter{w: head}
		_ = r.writeText(counted) // an escape that cannot be decoded ends the text
		h.Total = counted.n
	}
	h.Head = cutText(string(head.data), h.Total > int64(len(head.data)))
	return h
}

// storeBlock stores a block that is not text, as its JSON.
func (s *Store) storeBlock(ctx context.Context, b block, limit int) Handle {
	kept, err := s.keep(ctx, func(w io.Writer) error { _, err := w.Write(b.raw); return err }, nil, limit)
	if err != nil {
		s.log.Warn("large block not stored", "error", err)
	}
	return Handle{
		ID: kept.id, Total: int64(len(b.raw)),
		Type: decoded(raw.Member(b.raw, "type")), MIMEType: decoded(raw.Member(b.raw, "mimeType")),
	}
}

// storeRest stores blocks that are not text together, as a list of their JSON.
func (s *Store) storeRest(ctx context.Context, blocks []block, limit int) Handle {
	kept, err := s.keep(ctx, func(w io.Writer) error {
		separator := "["
		for _, b := range blocks {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if _, err := io.WriteString(w, separator); err != nil {
				return err
			}
			if _, err := w.Write(b.raw); err != nil {
				return err
			}
			separator = ","
		}
		_, err := io.WriteString(w, "]")
		return err
	}, nil, limit)
	if err != nil {
		s.log.Warn("large blocks not stored", "error", err)
	}
	return Handle{ID: kept.id, Total: kept.total, Type: "blocks"}
}

// with returns the result with other content and, unless it is kept, without
// its structured content.
func (r result) with(content [][]byte, structured bool) []byte {
	out := []byte(`{"content":[`)
	out = append(append(out, bytes.Join(content, []byte(","))...), ']')
	for key, at := range raw.Members(r.raw) {
		if raw.KeyIs(key, "content") || !structured && raw.KeyIs(key, "structuredContent") {
			continue
		}
		out = append(append(append(append(out, ','), key...), ':'), r.raw[at.Start:at.End]...)
	}
	return append(out, '}')
}

// decoded returns the text of a short JSON string, disarmed, or "" for another
// value.
func decoded(text []byte) string {
	var s string
	_ = json.Unmarshal(text, &s)
	s, _ = clean.Text(s, maxWord)
	return s
}

// A prefix keeps the first room bytes of what is written to it.
type prefix struct {
	room int
	data []byte
}

func (p *prefix) Write(b []byte) (int, error) {
	n := min(len(b), p.room-len(p.data))
	p.data = append(p.data, b[:n]...)
	return len(b), nil
}

// cutText removes the last character of a text that was cut if it is not whole.
// It ends JSON after a comma between two values if one is in the second half.
func cutText(s string, cut bool) string {
	if !cut {
		return s
	}
	for i := len(s) - 1; i >= max(0, len(s)-utf8.UTFMax); i-- {
		if utf8.RuneStart(s[i]) {
			if !utf8.FullRuneInString(s[i:]) {
				s = s[:i]
			}
			break
		}
	}
	if first := strings.TrimLeft(s, " \t\r\n"); strings.HasPrefix(first, "{") || strings.HasPrefix(first, "[") {
		if i := lastComma(s); i > len(s)/2 {
			return s[:i]
		}
	}
	return s
}

// lastComma returns the index after the last comma outside of a JSON string.
func lastComma(s string) int {
	last, inString := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case inString && s[i] == '\\':
			i++
		case s[i] == '"':
			inString = !inString
		case !inString && s[i] == ',':
			last = i + 1
		}
	}
	return last
}
