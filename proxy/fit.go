package proxy

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"unicode/utf8"

	"mcpproxy/upstream/raw"
)

// Bounds on what one reply holds, in bytes.
const (
	maxBinary = 5 << 20 // of blocks that are not text, such as images
	headSize  = 4 << 10 // of a text that is stored, with which the reply begins
)

// A result is a CallToolResult as its upstream wrote it, taken apart without
// copying or decoding it.
type result struct {
	raw        []byte
	blocks     []block
	structured []byte // nil if there is none
}

type block struct {
	raw  []byte
	text []byte // the JSON string of a text, or of a resource's text; nil for others
}

func parseResult(object []byte) result {
	r := result{raw: object}
	for key, at := range raw.Members(object) {
		value := object[at.Start:at.End]
		switch {
		case raw.KeyIs(key, "content"):
			r.blocks = nil // of a member given twice the last counts
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

// textSize is what counts against a limit: all text and structured content.
func (r result) textSize() int {
	n := len(r.structured)
	for _, b := range r.blocks {
		n += raw.UnescapedLen(b.text)
	}
	return n
}

// writeText writes all text, the blocks' in lines of their own, or else the
// structured content.
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

// A handle stands in a reply for what was stored.
type handle struct {
	ID       string `json:"result_id,omitempty"` // empty if it could not be stored
	Total    int64  `json:"total_bytes"`
	Type     string `json:"type,omitempty"` // of a block that is not text
	MIMEType string `json:"mime_type,omitempty"`
	Head     string `json:"head,omitempty"`
	Next     string `json:"next"`
}

// fit returns the result itself if its text and structured content have at
// most limit bytes and its other blocks at most maxBinary. What is beyond that
// is stored, and the reply has a handle in its place: one for all text, which
// leaves out the structured content, and one for each other block. All else is
// kept byte for byte, so isError and _meta. A limit of 0 means that there is
// none.
func (s *store) fit(object json.RawMessage, limit int, log *slog.Logger) json.RawMessage {
	if limit <= 0 || len(object) <= min(limit, maxBinary) {
		return object
	}
	r := parseResult(object)
	large := r.textSize() > limit
	fits := !large
	var content [][]byte
	if large {
		content = append(content, s.replace(r.writeText, handle{}, r.structured, limit, log))
	}
	other := 0
	for _, b := range r.blocks {
		switch {
		case b.text == nil && other+len(b.raw) > maxBinary:
			h := handle{Type: decoded(raw.Member(b.raw, "type")), MIMEType: decoded(raw.Member(b.raw, "mimeType"))}
			write := func(w io.Writer) error { _, err := w.Write(b.raw); return err }
			content, fits = append(content, s.replace(write, h, nil, limit, log)), false
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
	return r.with(content, !large)
}

// replace stores what write writes and returns the block that stands for it.
func (s *store) replace(write func(io.Writer) error, h handle, structured []byte, limit int, log *slog.Logger) []byte {
	head := &prefix{room: min(headSize, limit/4)} // escapes may make more of it
	counted := &counter{w: head}
	kept, err := s.keep(func(w io.Writer) error { return write(io.MultiWriter(w, counted)) }, structured, limit)
	h.ID, h.Total = kept.id, kept.total
	if err != nil {
		log.Warn("large result not stored", "error", err)
		*head, *counted = prefix{room: limit / 2}, counter{w: head}
		_ = write(counted) // what cannot be decoded ends there
		h.Total = counted.n
	}
	if h.Type == "" {
		h.Head = cutText(string(head.data), h.Total > int64(len(head.data)))
	}
	switch {
	case err != nil:
		h.Next = "the rest could not be stored; call the tool again so that it returns less"
	case h.Type != "":
		h.Next = "too large for a reply; select from its JSON: " + say(request{Action: actionReadResult, ResultID: h.ID, Select: "keys(@)"})
	case structured != nil && h.Total == int64(len(h.Head)):
		h.Next = "head is all of the text; select from the structured content, which is left out: " +
			say(request{Action: actionReadResult, ResultID: h.ID, Select: "keys(@)"})
	default:
		h.Next = "read on: " + say(request{Action: actionReadResult, ResultID: h.ID, Offset: int64(len(h.Head))}) +
			"; or give grep (RE2) or select (JMESPath) instead of offset"
	}
	return raw.Encode(map[string]string{"type": "text", "text": string(raw.Encode(h))})
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

// decoded returns the text of a JSON string, or nothing for what is none.
func decoded(raw []byte) (s string) {
	_ = json.Unmarshal(raw, &s)
	return cleanText(s, maxSummary)
}

// A prefix keeps the beginning of what is written to it.
type prefix struct {
	room int
	data []byte
}

func (p *prefix) Write(b []byte) (int, error) {
	n := min(len(b), p.room-len(p.data))
	p.data = append(p.data, b[:n]...)
	return len(b), nil
}

// cutText ends a text that was cut after a whole character and, if it is
// JSON, between two of its values where there is such a place.
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
