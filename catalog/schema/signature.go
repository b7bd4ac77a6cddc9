package schema

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"mcpproxy/catalog/clean"
	"mcpproxy/catalog/rawjson"
)

// Bounds of a signature, in characters.
const (
	maxSignature     = 300
	maxSignatureName = 64
	maxSignatureEnum = 4  // values of an enumeration that are shown
	maxSignatureText = 24 // of one such value
	maxAlternatives  = 4  // of a union
	maxTypeDepth     = 6  // references, arrays and unions inside one another
)

// maxWritten bounds the subschemas that are read for one try at a line. A line
// shows far fewer; without a bound a small schema that refers to itself could be
// written out for ever.
const maxWritten = 4000

// textPerStep is how many bytes of a name or value cost as much as a subschema.
const textPerStep = 64

// Signature describes in one line how to call the tool of that name:
//
//	create_issue(owner, repo, title, body?, labels?: string[], state?: "open"|"closed", options?: {…})
//
// Required parameters come first, then the optional ones with "?", each in the
// order of the schema. A parameter shown without a type is a string. The members
// of an object are spelt out if there is room, else the object is {…}. The last
// parameters become "…" if the line exceeds 300 characters. An input of nil has
// no parameters.
func Signature(name string, input json.RawMessage) string {
	name = clean.Line(name, maxSignatureName)
	if input == nil {
		return name + "()"
	}
	s, err := Compile(input)
	if err != nil {
		return name + unreadable
	}
	parameters := parametersOf(s.root, nil)
	if len(parameters) == 0 && s.root.elsewhere() {
		return name + unreadable
	}
	for _, objects := range []int{1, 0} {
		w := newTypeWriter(objects)
		line := name + "(" + w.list(parameters, maxTypeDepth) + ")"
		if utf8.RuneCountInString(line) <= maxSignature {
			return line
		}
	}
	return name + "(" + foldedList(parameters, maxSignature-utf8.RuneCountInString(name)) + ")"
}

// unreadable stands for the parameters of a schema that cannot be read.
const unreadable = "(…see describe_tool)"

// elsewhere reports whether a node refers to or consists of an opaque one.
func (n *node) elsewhere() bool {
	for depth := 0; n != nil && depth < maxTypeDepth; depth++ {
		if n.opaque || slices.ContainsFunc(n.allOf, func(part *node) bool { return part.opaque }) {
			return true
		}
		n = n.ref
	}
	return false
}

// A parameter is one property of an object.
type parameter struct {
	name     string
	node     *node // nil if the schema requires the name without describing it
	required bool
}

// parametersOf returns the properties of an object: its own, those of the schemas
// it refers to or consists of, then those of alternatives, which are optional. It
// leaves out what w cannot afford; a w of nil can afford all, which is no more
// than the schema has.
func parametersOf(root *node, w *typeWriter) []parameter {
	var list []parameter
	place := make(map[string]int)
	visited := make(map[*node]bool)
	var collect func(n *node, sure bool)
	collect = func(n *node, sure bool) {
		if n == nil || visited[n] || !w.spend(1+len(n.properties)+len(n.required)) {
			return
		}
		visited[n] = true
		for _, p := range n.properties {
			if _, known := place[p.name]; !known && !p.node.never {
				place[p.name] = len(list)
				list = append(list, parameter{name: p.name, node: p.node})
			}
		}
		collect(n.ref, sure)
		for _, part := range n.allOf {
			collect(part, sure)
		}
		for _, alternatives := range [][]*node{n.anyOf, n.oneOf, {n.then, n.otherwise}} {
			for _, part := range alternatives {
				collect(part, false)
			}
		}
		for _, name := range n.required {
			i, known := place[name]
			if !known {
				i = len(list)
				place[name] = i
				list = append(list, parameter{name: name})
			}
			list[i].required = list[i].required || sure
		}
	}
	collect(root, true)
	sorted := make([]parameter, 0, len(list))
	for _, required := range []bool{true, false} {
		for _, p := range list {
			if p.required == required {
				sorted = append(sorted, p)
			}
		}
	}
	return sorted
}

// foldedList writes as many parameters as fit into room characters, and "…" for
// the others.
func foldedList(parameters []parameter, room int) string {
	w := newTypeWriter(0)
	list := ""
	for _, p := range parameters {
		next := w.parameter(p, maxTypeDepth)
		if list != "" {
			next = ", " + next
		}
		if utf8.RuneCountInString(list)+utf8.RuneCountInString(next) > room-len("(, …)") {
			break
		}
		list += next
	}
	if list == "" {
		return "…"
	}
	return list + ", …"
}

// A typeWriter writes types as TypeScript does.
type typeWriter struct {
	objects int  // levels of objects to spell out
	left    *int // subschemas that may still be read, of all levels together
}

func newTypeWriter(objects int) typeWriter {
	left := maxWritten
	return typeWriter{objects: objects, left: &left}
}

// spend takes steps from those left, and reports false if there were too few.
func (w *typeWriter) spend(steps int) bool {
	if w == nil {
		return true
	}
	*w.left -= steps
	return *w.left >= 0
}

// list writes parameters until the line is certainly too long.
func (w typeWriter) list(parameters []parameter, depth int) string {
	var b strings.Builder
	for i, p := range parameters {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(w.parameter(p, depth))
		if b.Len() > maxSignature*utf8.UTFMax {
			break
		}
	}
	return b.String()
}

func (w typeWriter) parameter(p parameter, depth int) string {
	w.spend(len(p.name) / textPerStep)
	text := clean.Line(p.name, maxSignatureName)
	if !plainName().MatchString(text) {
		text = string(quote(text))
	}
	typ := "any"
	if p.node != nil {
		typ = w.typ(p.node, depth)
	}
	if !p.required {
		text += "?"
		// A caller may leave it out, so it need not know that null does.
		typ = strings.TrimSuffix(typ, "|null")
	}
	if typ != "string" {
		text += ": " + typ
	}
	return text
}

var plainName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\p{L}\p{N}_$.@-]+$`) })

// typ returns the type of a value that fits n.
func (w typeWriter) typ(n *node, depth int) string {
	switch {
	case depth <= 0 || !w.spend(1):
		return "…"
	case n.never:
		return "never"
	case n.opaque:
		return "any"
	case n.enum != nil:
		return w.enumeration(n.enum)
	case n.anyOf != nil && !n.describesObject():
		return w.union(n.anyOf, depth)
	case n.oneOf != nil && !n.describesObject():
		return w.union(n.oneOf, depth)
	case n.types != rawjson.Any || n.describesObject():
		return w.types(n, depth)
	case n.ref != nil:
		return w.typ(n.ref, depth-1)
	}
	for _, part := range n.allOf {
		if t := w.typ(part, depth-1); t != "any" {
			return t
		}
	}
	if n.items != nil || n.prefixItems != nil {
		return w.array(n, depth)
	}
	return "any"
}

func (n *node) describesObject() bool { return n.properties != nil }

// types returns the types of n, with those of items and members.
func (w typeWriter) types(n *node, depth int) string {
	types := n.types
	if n.describesObject() && types == rawjson.Any {
		types = rawjson.Object
	}
	var parts []string
	for _, t := range []struct {
		typ  rawjson.Types
		name string
	}{{rawjson.String, "string"}, {rawjson.Number, "number"}, {rawjson.Integer, "integer"}, {rawjson.Boolean, "boolean"}} {
		if types&t.typ == t.typ {
			parts = append(parts, t.name)
			types &^= t.typ
		}
	}
	if types&rawjson.Array != 0 {
		parts = append(parts, w.array(n, depth))
	}
	if types&rawjson.Object != 0 {
		parts = append(parts, w.object(n, depth))
	}
	if types&rawjson.Null != 0 {
		parts = append(parts, "null")
	}
	return strings.Join(parts, "|")
}

func (w typeWriter) array(n *node, depth int) string {
	switch {
	case n.prefixItems != nil:
		parts := make([]string, 0, maxAlternatives+1)
		for i, item := range n.prefixItems {
			if i == maxAlternatives {
				parts = append(parts, "…")
				break
			}
			parts = append(parts, w.typ(item, depth-1))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case n.items == nil:
		return "any[]"
	}
	item := w.typ(n.items, depth-1)
	if strings.Contains(item, "|") && !strings.HasPrefix(item, "{") {
		item = "(" + item + ")"
	}
	return item + "[]"
}

func (w typeWriter) object(n *node, depth int) string {
	parameters := parametersOf(n, &w)
	switch {
	case len(parameters) == 0 && n.additionalProperties != nil && !n.additionalProperties.never && n.additionalProperties.types != rawjson.Any:
		return "{[name]: " + w.typ(n.additionalProperties, depth-1) + "}"
	case len(parameters) == 0:
		return "object"
	case w.objects <= 0:
		return "{…}"
	}
	w.objects--
	return "{" + w.list(parameters, depth-1) + "}"
}

// union returns the types of alternatives, each once and null last.
func (w typeWriter) union(alternatives []*node, depth int) string {
	var parts []string
	null := ""
	for _, n := range alternatives {
		if len(parts) > maxAlternatives {
			if n.types == rawjson.Null {
				null = "|null"
			}
			continue
		}
		switch t := w.typ(n, depth-1); {
		case t == "null":
			null = "|null"
		case slices.Contains(parts, t):
		case len(parts) == maxAlternatives:
			parts = append(parts, "…")
		default:
			parts = append(parts, t)
		}
	}
	if len(parts) == 0 {
		return "null"
	}
	return strings.Join(parts, "|") + null
}

func (w typeWriter) enumeration(values []*rawjson.Value) string {
	var parts []string
	null := ""
	for _, v := range values {
		switch {
		case v.Type == rawjson.Null && len(values) > 1:
			null = "|null"
		case len(parts) == maxSignatureEnum && len(values) > maxSignatureEnum+1:
			return strings.Join(parts, "|") + "|…" + null
		case !w.spend(len(v.Raw) / textPerStep):
			return strings.Join(append(parts, "…"), "|") + null
		case v.Type == rawjson.String:
			parts = append(parts, string(quote(clean.Line(v.Text(), maxSignatureText))))
		case v.Type == rawjson.Object:
			parts = append(parts, "{…}")
		default:
			parts = append(parts, clean.Line(string(v.Raw), maxSignatureText))
		}
	}
	return strings.Join(parts, "|") + null
}
