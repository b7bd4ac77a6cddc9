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
		if unit, ok := escapedUnit(inside); ok && unit < utf8.RuneSelf {
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

func (s shape) check(object []byte) (f finding) {
	var seen [maxShape]bool
	for key, at := range raw.Members(object) {
		i := s.find(key)
		if i < 0 {
			continue
		}
		value := at.In(object)
		switch {
		case seen[i]: // readers do not agree on which one counts
			return finding{member: s[i].name, problem: "stands twice"}
		case s[i].absent(value):
			f.nulls = true
		case !s[i].suits(value):
			return finding{member: s[i].name, problem: "is not " + s[i].kind}
		default:
			f.values[i] = value
		}
		seen[i] = true
	}
	for i := range s {
		if s[i].required && !seen[i] {
			return finding{member: s[i].name, problem: "is missing"}
		}
	}
	return f
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
	f := resultShape.check(result)
	if f.problem != "" {
		return Accepted{}, &ShapeError{fmt.Sprintf("the %s of its result %s", f.member, f.problem)}
	}
	mendSurrogates(result)
	content, kind, structured := f.values[0], f.values[1], f.values[2]
	if kind != nil && string(kind) != `"complete"` {
		return Accepted{}, &ShapeError{"its result is not complete"} // what asks for input was told apart before
	}
	inBlocks, err := checkBlocks(ctx, content)
	if err != nil {
		return Accepted{}, err
	}
	a := Accepted{JSON: result, Unstructured: structured != nil && !raw.IsObject(structured)}
	if f.nulls || inBlocks {
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

// checkBlocks reports whether blocks have optional members that are null.
func checkBlocks(ctx context.Context, content []byte) (nulls bool, err error) {
	n := 0
	for at := range raw.Elements(content) {
		if n++; n%lookEvery == 0 && ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		where, problem, some := checkBlock(at.In(content))
		if problem != "" {
			return false, &ShapeError{fmt.Sprintf("%sblock %d of its result %s", where, n, problem)}
		}
		nulls = nulls || some
	}
	return nulls, nil
}

// checkBlock returns what is wrong with a block, and with which part of it, as "the
// text of ".
func checkBlock(block []byte) (part, problem string, nulls bool) {
	if !raw.IsObject(block) {
		return "", "is not an object", false
	}
	s, holds := blockShape(block)
	f := s.check(block)
	switch {
	case f.problem != "":
		return "the " + f.member + " of ", f.problem, false
	case !holds:
		return "", "", f.nulls
	}
	in := contentsShape.check(f.values[1])
	if in.problem == "" && in.values[1] == nil && in.values[2] == nil {
		in.member, in.problem = "text", "is missing"
	}
	if in.problem != "" {
		return "the " + in.member + " of the resource of ", in.problem, false
	}
	return "", "", f.nulls || in.nulls
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
