package results

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"

	"mcpproxy/upstream/raw"
)

// A result is a CallToolResult, split without copying or decoding it. There can be
// millions of blocks and members, so they are walked and not listed.
type result struct {
	raw        []byte // as the upstream wrote it
	content    []byte // the list of blocks
	structured []byte // nil if there is none
	beside     []part // other members, as many as fit into a reply
	more       bool   // than beside
	size       int    // of all members
}

// A part is a member of a result, as it is written.
type part struct{ key, value []byte }

func split(object []byte) result {
	r := result{raw: object}
	room := maxBeside
	for p := range r.parts() {
		size := len(p.key) + len(p.value)
		r.size += size + len(":,")
		switch string(plain(p.key)) {
		case "content":
			r.content = p.value
			continue
		case "structuredContent":
			r.structured = p.value
			continue
		case "isError", "resultType": // say how the rest is to be read
		default:
			if size > room {
				r.more = true
				continue
			}
		}
		room -= size
		r.beside = append(r.beside, p)
	}
	if r.structured != nil && isNull(r.structured) {
		r.structured = nil
	}
	return r
}

// parts walks over all members.
func (r result) parts() iter.Seq[part] {
	return func(yield func(part) bool) {
		for key, at := range raw.Members(r.raw) {
			if !yield(part{key, at.In(r.raw)}) {
				return
			}
		}
	}
}

// A block is an element of a result's content.
type block struct {
	raw  []byte
	text []byte // the JSON string of a text block or of a resource's text; nil for others
}

// size returns the bytes that a block takes in a reply.
func (b block) size() int { return len(b.raw) + len(",") }

// parseBlock takes a block for one that is not text if it has much beside its text,
// so that this is not lost with the text.
func parseBlock(object []byte) block {
	var typ, text, resource []byte
	for key, at := range raw.Members(object) {
		switch value := at.In(object); string(plain(key)) {
		case "type":
			typ = value
		case "text":
			text = value
		case "resource":
			resource = value
		}
	}
	if string(typ) == `"resource"` {
		text = raw.Member(resource, "text")
	}
	b := block{raw: object}
	if len(text) > 1 && text[0] == '"' && len(object)-len(text) <= maxBeside {
		b.text = text
	}
	return b
}

// lookEvery is after how many blocks ctx is looked at.
const lookEvery = 1024

// blocks walks over the content, until ctx ends.
func (r result) blocks(ctx context.Context) iter.Seq[block] {
	return func(yield func(block) bool) {
		n := 0
		for at := range raw.Elements(r.content) {
			if n++; n%lookEvery == 0 && ctx.Err() != nil || !yield(parseBlock(at.In(r.content))) {
				return
			}
		}
	}
}

// A verdict says what of a result is too large for a reply.
type verdict struct {
	text   bool // of all blocks with the structured content, or what is beside it
	blocks bool // that are not text
	beside bool // other members
	space  bool // between all these
}

func (r result) measure(ctx context.Context, limit int) (v verdict) {
	text := &gauge{left: limit - len(r.structured)}
	w := bufio.NewWriter(text) // one for all texts
	around, other, blocks := 0, 0, 0
	for b := range r.blocks(ctx) {
		blocks += b.size()
		if b.text == nil {
			other += b.size()
			continue
		}
		around += len(b.raw) - len(b.text)
		if around > maxBeside || raw.Unescape(w, b.text) != nil && text.left < 0 {
			break
		}
	}
	v.text = text.left < 0 || around > maxBeside || ctx.Err() != nil
	v.blocks = other > maxBinary
	v.beside = r.more
	v.space = len(r.raw)-r.size > maxBeside || len(r.content)-blocks > maxBeside
	return v
}

// A gauge takes so many bytes.
type gauge struct{ left int }

var errFull = errors.New("full")

func (g *gauge) Write(b []byte) (int, error) {
	if g.left -= len(b); g.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

// writeText writes the text of all blocks, with a line break between two. If no
// block has text, it writes the structured content.
func (r result) writeText(ctx context.Context, w io.Writer) error {
	out := bufio.NewWriter(until{ctx, w}) // one for all texts
	wrote := false
	for b := range r.blocks(ctx) {
		if b.text == nil {
			continue
		}
		if wrote {
			_ = out.WriteByte('\n') // the next write fails as well
		}
		wrote = true
		if err := raw.Unescape(out, b.text); err != nil {
			return err
		}
	}
	if wrote {
		return ctx.Err()
	}
	_, err := w.Write(r.structured)
	return err
}

// until writes until ctx ends.
type until struct {
	ctx context.Context
	w   io.Writer
}

func (u until) Write(b []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.w.Write(b)
}
