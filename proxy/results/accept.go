package results

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"mcpproxy/upstream/raw"
)

// A ShapeError says why hosts refuse a result as a whole.
type ShapeError struct{ Problem string }

func (e *ShapeError) Error() string { return e.Problem }

// A shape is what an object of MCP holds (2025-11-25, schema). Members that it does
// not name are nobody's business.
type shape []member

// lookEvery is after how many blocks ctx is looked at.
const lookEvery = 1024

type member struct {
	name     string
	begins   string // the bytes with which its JSON may begin
	kind     string // what it is, in words
	required bool
}

func aText(name string) member            { return member{name, `"`, "a string", true} }
func anObject(name string) member         { return member{name, "{", "an object", true} }
func aList(name string) member            { return member{name, "[", "a list", true} }
func (m member) optional() member         { m.required = false; return m }
func (m member) suits(value []byte) bool  { return strings.IndexByte(m.begins, value[0]) >= 0 }
func (m member) absent(value []byte) bool { return !m.required && isNull(value) }

func isNull(value []byte) bool { return value[0] == 'n' }

var (
	meta        = anObject("_meta").optional()
	annotations = anObject("annotations").optional()
	mimeType    = aText("mimeType").optional()

	resultShape = shape{
		aList("content").optional(), anObject("structuredContent").optional(),
		{"isError", "tf", "true or false", false}, aText("resultType").optional(), meta,
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
	name := raw.Member(block, "type")
	if len(name) < 2 || name[0] != '"' {
		return unknownShape, false
	}
	name = name[1 : len(name)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		var b bytes.Buffer
		_ = raw.Unescape(&b, raw.Member(block, "type")) // into no known name, if it cannot be decoded
		name = b.Bytes()
	}
	s, known := blockShapes[string(name)]
	if !known {
		return unknownShape, false
	}
	return s, string(name) == "resource"
}

// find returns the place in the shape of the member with a key as it is written,
// or -1.
func (s shape) find(key []byte) int {
	for i := range s {
		if raw.KeyIs(key, s[i].name) {
			return i
		}
	}
	return -1
}

// check returns what is wrong with an object, as "is not a list" of a member, and
// whether it has optional members that are null.
func (s shape) check(object []byte) (member, problem string, nulls bool) {
	var seen uint
	for key, at := range raw.Members(object) {
		i := s.find(key)
		if i < 0 {
			continue
		}
		value := at.In(object)
		switch {
		case seen&(1<<i) != 0: // readers do not agree on which one counts
			return s[i].name, "stands twice", false
		case s[i].absent(value):
			nulls = true
		case !s[i].suits(value):
			return s[i].name, "is not " + s[i].kind, false
		}
		seen |= 1 << i
	}
	for i := range s {
		if s[i].required && seen&(1<<i) == 0 {
			return s[i].name, "is missing", false
		}
	}
	return "", "", nulls
}

// Accept returns a result as MCP has it (2025-11-25, schema, CallToolResult), so
// that no host refuses the whole reply: the SDKs of TypeScript and Python do for a
// single member of another type. Optional members that are null, and content that
// is missing, are taken for what was meant, which the notes tell; anything else keeps
// its bytes.
//
// Errors: a *ShapeError, or that of ctx.
func Accept(ctx context.Context, result json.RawMessage) (accepted json.RawMessage, notes []string, err error) {
	if !raw.IsObject(result) {
		return nil, nil, &ShapeError{"its result is not an object"}
	}
	member, problem, nulls := resultShape.check(result)
	if problem != "" {
		return nil, nil, &ShapeError{fmt.Sprintf("the %s of its result %s", member, problem)}
	}
	if kind := raw.Member(result, "resultType"); kind != nil && !isNull(kind) && string(kind) != `"complete"` {
		return nil, nil, &ShapeError{"its result is not complete"} // what asks for input was told apart before
	}
	content := raw.Member(result, "content")
	inBlocks, err := checkBlocks(ctx, content)
	if err != nil {
		return nil, nil, err
	}
	if nulls || inBlocks {
		notes = append(notes, "what was null in the result was left out")
	}
	if content == nil {
		notes = append(notes, "the result had no content")
	}
	if len(notes) == 0 {
		return result, nil, nil
	}
	return withoutNulls(result), notes, nil
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
	member, problem, nulls := s.check(block)
	switch {
	case problem != "":
		return "the " + member + " of ", problem, false
	case !holds:
		return "", "", nulls
	}
	resource := raw.Member(block, "resource")
	member, problem, inside := contentsShape.check(resource)
	if problem == "" && !has(resource, "text") && !has(resource, "blob") {
		member, problem = "text", "is missing"
	}
	if problem != "" {
		return "the " + member + " of the resource of ", problem, false
	}
	return "", "", nulls || inside
}

func has(object []byte, name string) bool {
	value := raw.Member(object, name)
	return value != nil && !isNull(value)
}

// withoutNulls returns a result that was checked with content, and without the
// optional members that are null. It makes one copy, since a result can be large.
func withoutNulls(result []byte) []byte {
	out := append(make([]byte, 0, len(result)+len(`"content":[],`)), '{')
	if !has(result, "content") {
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
