package results

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"mcpproxy/upstream/raw"
)

// A ShapeError says why hosts refuse a result as a whole.
type ShapeError struct{ Problem string }

func (e *ShapeError) Error() string { return e.Problem }

// A shape is what an object of MCP holds (2025-11-25, schema). Members that it does
// not name are nobody's business.
type shape []member

type member struct {
	name     string
	begins   string // the bytes with which its JSON may begin; empty for any
	kind     string // what it is, in words
	required bool
}

func aText(name string) member    { return member{name, `"`, "a string", true} }
func anObject(name string) member { return member{name, "{", "an object", true} }
func aList(name string) member    { return member{name, "[", "a list", true} }
func (m member) optional() member { m.required = false; return m }
func (m member) suits(value []byte) bool {
	return m.begins == "" || strings.IndexByte(m.begins, value[0]) >= 0
}
func (m member) absent(value []byte) bool { return !m.required && isNull(value) }

func isNull(value []byte) bool { return value[0] == 'n' }

var (
	meta        = anObject("_meta").optional()
	annotations = anObject("annotations").optional()
	mimeType    = aText("mimeType").optional()

	resultShape = shape{
		aList("content").optional(), aText("resultType").optional(), {name: "structuredContent"},
		{"isError", "tf", "true or false", false}, meta,
	}
	mediaShape  = shape{aText("type"), aText("data"), aText("mimeType"), annotations, meta}
	blockShapes = map[string]shape{
		"text": {aText("type"), aText("text"), annotations, meta}, "image": mediaShape, "audio": mediaShape,
		"resource": {aText("type"), anObject("resource"), annotations, meta},
		"resource_link": {
			aText("type"), aText("uri"), aText("name"), aText("title").optional(), aText("description").optional(), mimeType,
			{"size", "-0123456789", "a number", false}, aList("icons").optional(), annotations, meta,
		},
	}
	unknownShape  = shape{aText("type")} // of a block that a later revision may define
	contentsShape = shape{aText("uri"), aText("text").optional(), aText("blob").optional(), mimeType, meta}
)

// blockShape returns the shape of a block, and whether it holds a resource.
func blockShape(block []byte) (s shape, holds bool) {
	written := raw.Member(block, "type")
	if len(written) < 2 || written[0] != '"' {
		return unknownShape, false
	}
	name := plain(written)
	s, known := blockShapes[string(name)]
	if !known {
		return unknownShape, false
	}
	return s, string(name) == "resource"
}

// maxName bounds the names that MCP knows, as they are written, in bytes.
const maxName = 150

// plain returns the name that a JSON string is, or something that is no name that MCP
// knows. Those have letters only, which can be written as \uXXXX and not otherwise.
func plain(written []byte) []byte {
	inside := written[1 : len(written)-1]
	if len(inside) > maxName || bytes.IndexByte(inside, '\\') < 0 {
		return inside
	}
	name := make([]byte, 0, maxName)
	for len(inside) > 0 {
		if unit, ok := raw.CodeUnit(inside); ok && unit < utf8.RuneSelf {
			name, inside = append(name, byte(unit)), inside[len(`\uXXXX`):]
			continue
		}
		name, inside = append(name, inside[0]), inside[1:]
	}
	return name
}

// find returns the place in the shape of the member with a key as it is written,
// or -1.
func (s shape) find(key []byte) int {
	name := plain(key)
	for i := range s {
		if string(name) == s[i].name {
			return i
		}
	}
	return -1
}

// maxShape is more than any shape has members.
const maxShape = 12

// A finding is how an object differs from a shape.
type finding struct {
	member, problem string           // as "is not a list" of a member; empty if all is well
	nulls           bool             // optional members that are null
	values          [maxShape][]byte // of the members of the shape; nil if absent or null
}

// check reads the object of text that begins at i, and returns the index after it.
// Values that within, if it is not nil, reads itself are read once.
func (s shape) check(text []byte, i int, within func(name string, at int) (end int)) (f finding, end int) {
	var seen [maxShape]bool
	end = raw.WalkObject(text, i, func(key []byte, at int) int {
		i := s.find(key)
		if i < 0 {
			return raw.Skip(text, at)
		}
		m, value := s[i], text[at:]
		switch {
		case seen[i]: // readers do not agree on which one counts
			f.member, f.problem = m.name, "stands twice"
			return -1
		case m.absent(value):
			f.nulls = true
		case !m.suits(value):
			f.member, f.problem = m.name, "is not "+m.kind
			return -1
		}
		seen[i] = true
		end := -1
		if within != nil && !m.absent(value) {
			end = within(m.name, at)
		}
		if end < 0 {
			end = raw.Skip(text, at)
		}
		if !m.absent(value) {
			f.values[i] = text[at:end:end]
		}
		return end
	})
	for i := range s {
		if s[i].required && !seen[i] && f.problem == "" {
			f.member, f.problem = s[i].name, "is missing"
		}
	}
	return f, end
}

// An Accepted is a result that hosts take.
type Accepted struct {
	JSON  json.RawMessage
	Notes []string // what was changed in it
	// Unstructured says that its structuredContent is no object, which hosts
	// before MCP 2026-07-28 refuse.
	Unstructured bool
}

// Accept returns a result as MCP has it (2026-07-28, schema, CallToolResult), so
// that no host refuses the whole reply: the SDKs of TypeScript and Python do for a
// single member of another type. Optional members that are null, and content that
// is missing, are taken for what was meant. Half a surrogate pair becomes U+FFFD,
// for which it changes the result in place; anything else keeps its bytes.
//
// Errors: a *ShapeError, or that of ctx.
func Accept(ctx context.Context, result json.RawMessage) (Accepted, error) {
	if !raw.IsObject(result) {
		return Accepted{}, &ShapeError{"its result is not an object"}
	}
	blocks := blockCheck{ctx: ctx, text: result}
	f, _ := resultShape.check(result, bytes.IndexByte(result, '{'), func(name string, at int) int {
		if name == "content" {
			return blocks.check(at)
		}
		return -1
	})
	if f.problem != "" {
		return Accepted{}, &ShapeError{fmt.Sprintf("the %s of its result %s", f.member, f.problem)}
	}
	if blocks.err != nil {
		return Accepted{}, blocks.err
	}
	mendSurrogates(result)
	content, kind, structured := f.values[0], f.values[1], f.values[2]
	if kind != nil && string(kind) != `"complete"` {
		return Accepted{}, &ShapeError{"its result is not complete"} // what asks for input was told apart before
	}
	a := Accepted{JSON: result, Unstructured: structured != nil && !raw.IsObject(structured)}
	if f.nulls || blocks.nulls {
		a.Notes = append(a.Notes, "what was null in the result was left out")
	}
	if content == nil {
		a.Notes = append(a.Notes, "the result had no content")
	}
	if len(a.Notes) > 0 {
		a.JSON = withoutNulls(result, content != nil)
	}
	return a, nil
}

// WithoutStructure returns an accepted result without its structuredContent, which
// becomes a text block if it has no other.
func WithoutStructure(result json.RawMessage) json.RawMessage {
	content, structured := raw.Member(result, "content"), raw.Member(result, "structuredContent")
	if structured == nil {
		return result
	}
	if len(bytes.TrimSpace(content[1:len(content)-1])) == 0 {
		content = fmt.Appendf(nil, `[{"type":"text","text":%s}]`, raw.Encode(string(structured)))
	}
	out := append(make([]byte, 0, len(result)+len(content)), '{')
	for key, at := range raw.Members(result) {
		value := at.In(result)
		switch {
		case raw.KeyIs(key, "structuredContent"):
			continue
		case raw.KeyIs(key, "content"):
			value = content
		}
		out = append(append(append(append(out, key...), ':'), value...), ',')
	}
	return append(bytes.TrimSuffix(out, []byte(",")), '}')
}

// A blockCheck reads the blocks of a result.
type blockCheck struct {
	ctx   context.Context
	text  []byte // the result
	n     int    // blocks so far
	nulls bool   // they have optional members that are null
	err   error  // a *ShapeError, or that of ctx
}

// check reads the list of blocks that begins at i, up to an error, and returns the
// index after it.
func (c *blockCheck) check(i int) (end int) {
	return raw.WalkArray(c.text, i, func(at int) int {
		if c.n++; c.n%lookEvery == 0 && c.ctx.Err() != nil {
			c.err = context.Cause(c.ctx)
			return -1
		}
		if c.text[at] != '{' {
			return c.fail("", finding{problem: "is not an object"})
		}
		return c.block(at)
	})
}

func (c *blockCheck) fail(part string, f finding) int {
	if f.member != "" {
		part = "the " + f.member + " of " + part
	}
	c.err = &ShapeError{fmt.Sprintf("%sblock %d of its result %s", part, c.n, f.problem)}
	return -1
}

// block reads a block.
func (c *blockCheck) block(i int) (end int) {
	s, holds := blockShape(c.text[i:])
	var within func(string, int) int
	if holds {
		within = func(name string, at int) int {
			if name != "resource" || c.text[at] != '{' {
				return -1
			}
			return c.contents(at)
		}
	}
	f, end := s.check(c.text, i, within)
	switch {
	case c.err != nil: // in the resource
		return -1
	case f.problem != "":
		return c.fail("", f)
	}
	c.nulls = c.nulls || f.nulls
	return end
}

// contents reads the contents of a resource.
func (c *blockCheck) contents(i int) (end int) {
	f, end := contentsShape.check(c.text, i, nil)
	if f.problem == "" && f.values[1] == nil && f.values[2] == nil {
		f.member, f.problem = "text", "is missing"
	}
	if f.problem != "" {
		return c.fail("the resource of ", f)
	}
	c.nulls = c.nulls || f.nulls
	return end
}

// withoutNulls returns a result that was checked with content, and without the
// optional members that are null. It makes one copy, since a result can be large.
func withoutNulls(result []byte, hasContent bool) []byte {
	out := append(make([]byte, 0, len(result)+len(`"content":[],`)), '{')
	if !hasContent {
		out = append(out, `"content":[],`...)
	}
	out = resultShape.appendTo(out, result, func(out, key, value []byte) []byte {
		if !raw.KeyIs(key, "content") {
			return append(out, value...)
		}
		out = append(out, '[')
		for at := range raw.Elements(value) {
			out = append(appendBlock(out, at.In(value)), ',')
		}
		return append(bytes.TrimSuffix(out, []byte(",")), ']')
	})
	return append(bytes.TrimSuffix(out, []byte(",")), '}')
}

func appendBlock(out, block []byte) []byte {
	s, holds := blockShape(block)
	out = s.appendTo(append(out, '{'), block, func(out, key, value []byte) []byte {
		if !holds || !raw.KeyIs(key, "resource") {
			return append(out, value...)
		}
		out = contentsShape.appendTo(append(out, '{'), value, func(out, _, value []byte) []byte { return append(out, value...) })
		return append(bytes.TrimSuffix(out, []byte(",")), '}')
	})
	return append(bytes.TrimSuffix(out, []byte(",")), '}')
}

// appendTo appends the members of an object, each with a comma, but for optional
// ones that are null. Values are written by write.
func (s shape) appendTo(out, object []byte, write func(out, key, value []byte) []byte) []byte {
	for key, at := range raw.Members(object) {
		value := at.In(object)
		if i := s.find(key); i >= 0 && s[i].absent(value) {
			continue
		}
		out = append(append(out, key...), ':')
		out = append(write(out, key, value), ',')
	}
	return out
}
