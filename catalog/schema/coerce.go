package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"mcpproxy/catalog/names"
	"mcpproxy/catalog/rawjson"
)

// maxNotes bounds the notes about repairs.
const maxNotes = 8

// Coerce repairs slips that models make with arguments, where the schema leaves
// only one reading:
//
//   - a string where the schema wants an object, array, number or boolean
//     becomes the JSON that it holds, if it holds exactly that;
//   - a number, boolean, object or array where the schema wants a string
//     becomes its JSON text;
//   - a member whose name differs from a property's only in hyphens,
//     underscores or case gets the property's name.
//
// Coerce leaves alone a string where the schema allows one, a null, and a value
// that fits several alternatives of a union. All other bytes stay as they are.
// There is a note about each of the first 8 repairs, in a few words for the
// model, and one that counts the others; out is args itself if there are none.
func (s *Schema) Coerce(args json.RawMessage) (out json.RawMessage, notes []string) {
	document, ok := rawjson.Parse(args, maxArgumentLevels)
	if !ok {
		return args, nil
	}
	return s.coerce(args, &document)
}

// CoerceArguments is [Schema.Coerce], with the error of [Schema.ValidateArguments] for
// what comes of it. It reads arguments once that are good as they are.
func (s *Schema) CoerceArguments(args json.RawMessage) (out json.RawMessage, notes []string, err error) {
	document, ok := rawjson.Parse(args, maxArgumentLevels)
	if !ok {
		return args, nil, &ArgumentError{Problem: "not valid JSON"}
	}
	out, notes = s.coerce(args, &document)
	if len(notes) == 0 {
		return args, nil, s.validateArguments(&document)
	}
	return out, notes, s.ValidateArguments(out)
}

func (s *Schema) coerce(args json.RawMessage, document *rawjson.Value) (out json.RawMessage, notes []string) {
	r := repair{doc: args, stepsLeft: maxSteps}
	r.value([]*node{s.root}, document, nil)
	if len(r.notes) == 0 {
		return args, nil
	}
	out = r.edited(0, len(args))
	if s.validate(document) == nil && s.Validate(out) != nil {
		return args, nil // a name that only looked misspelt
	}
	if more := len(r.notes) - maxNotes; more > 0 {
		r.notes = append(r.notes[:maxNotes], fmt.Sprintf("and %d more repairs", more))
	}
	return out, r.notes
}

// A repair is one run over arguments. It collects edits in the order of the
// document and applies them at the end.
type repair struct {
	doc       []byte
	edits     []edit
	notes     []string
	stepsLeft int
}

// An edit replaces doc[from:to].
type edit struct {
	from, to int
	by       []byte
}

func (r *repair) edited(from, to int) []byte {
	var b bytes.Buffer
	for _, e := range r.edits {
		b.Write(r.doc[from:e.from])
		b.Write(e.by)
		from = e.to
	}
	b.Write(r.doc[from:to])
	return b.Bytes()
}

func (r *repair) note(at *location, format string, args ...any) {
	where := at.String()
	if where == "" {
		where = "arguments"
	}
	r.notes = append(r.notes, where+": "+fmt.Sprintf(format, args...))
}

// value repairs a value that has to fit all nodes.
func (r *repair) value(nodes []*node, v *rawjson.Value, at *location) {
	nodes = r.conjuncts(nil, nodes, v.Type, 0)
	wanted := rawjson.Any
	for _, n := range nodes {
		wanted &= r.types(n, 0)
	}
	switch {
	case v.Type == rawjson.Null || v.Unread || r.stepsLeft < 0:
	case v.Type&wanted == 0 && v.Type == rawjson.String:
		r.decode(nodes, wanted, v, at)
	case v.Type&wanted == 0 && wanted&rawjson.String != 0 && wanted&^(rawjson.String|rawjson.Null) == 0:
		r.edits = append(r.edits, edit{v.At, v.At + len(v.Raw), quote(string(v.Raw))})
		r.note(at, "wrote %s as a string", kindOfValue(v))
	case v.Type&wanted == 0: // has several readings or none, so the validation explains it
	case v.Type == rawjson.Object:
		r.members(nodes, v, at)
	case v.Type == rawjson.Array:
		for i := range v.Items {
			if children := itemNodes(nodes, i); children != nil {
				r.value(children, &v.Items[i], &location{parent: at, index: i, item: true})
			}
		}
	}
}

// decode replaces a string by the JSON that it holds.
func (r *repair) decode(nodes []*node, wanted rawjson.Types, v *rawjson.Value, at *location) {
	text := []byte(v.Text())
	inner, ok := rawjson.Parse(text, maxArgumentLevels-at.depth())
	if !ok || inner.Type&wanted == 0 || inner.Type == rawjson.Null {
		return
	}
	if inner.Type&rawjson.Scalar != 0 && len(inner.Raw) != len(text) {
		return // a number or boolean with spaces around it may be text
	}
	// The JSON inside may need repairs, too.
	within := repair{doc: text, stepsLeft: r.stepsLeft}
	within.value(nodes, &inner, at)
	r.stepsLeft = within.stepsLeft
	r.edits = append(r.edits, edit{v.At, v.At + len(v.Raw), within.edited(inner.At, inner.At+len(inner.Raw))})
	r.note(at, "read the string as %s", kindOfValue(&inner))
	r.notes = append(r.notes, within.notes...)
}

// members repairs the names and values of an object's members.
func (r *repair) members(nodes []*node, v *rawjson.Value, at *location) {
	renamed := r.renames(nodes, v)
	for i := range v.Members {
		m := &v.Members[i]
		name := m.Name
		if to, ok := renamed[name]; ok {
			name = to
			r.edits = append(r.edits, edit{m.NameAt, m.NameTo, quote(to)})
			r.note(at, "took %s for %s", showName(m.Name), showName(to))
		}
		if children, _ := r.memberNodes(nodes, name); children != nil {
			r.value(children, &m.Value, &location{parent: at, name: name})
		}
	}
}

// renames returns, for each member that is no property, the property that it
// means. Both must be the only ones of that name when case, hyphens and
// underscores do not count.
func (r *repair) renames(nodes []*node, v *rawjson.Value) map[string]string {
	meant := make(map[string][]string) // by folded name, the properties that are not given
	for _, n := range nodes {
		if n.additionalProperties != nil && !n.additionalProperties.never || r.conditional(n) {
			return nil // the schema may allow any name
		}
		if r.stepsLeft -= len(n.properties); r.stepsLeft < 0 {
			return nil
		}
		for _, p := range n.properties {
			if folded := names.FoldStyle(p.name); v.Get(p.name) == nil && !slices.Contains(meant[folded], p.name) {
				meant[folded] = append(meant[folded], p.name)
			}
		}
	}
	if len(meant) == 0 {
		return nil
	}
	unknown := make(map[string][]string)
	for _, m := range v.Members {
		if _, known := r.memberNodes(nodes, m.Name); !known {
			folded := names.FoldStyle(m.Name)
			unknown[folded] = append(unknown[folded], m.Name)
		}
	}
	renamed := make(map[string]string)
	for folded, alike := range unknown {
		if len(alike) == 1 && len(meant[folded]) == 1 {
			renamed[alike[0]] = meant[folded][0]
		}
	}
	return renamed
}

// conditional reports whether a node has properties that hold only in some cases.
func (r *repair) conditional(n *node) bool {
	return n.opaque || n.then != nil || n.otherwise != nil || n.dependentSchemas != nil ||
		n.anyOf != nil && r.soleAlternative(n.anyOf, rawjson.Object) == nil ||
		n.oneOf != nil && r.soleAlternative(n.oneOf, rawjson.Object) == nil
}

// memberNodes returns the subschemas for a member of that name. covered reports
// whether there are any, or could be for all that the steps left allow to tell.
func (r *repair) memberNodes(nodes []*node, name string) (children []*node, covered bool) {
	for _, n := range nodes {
		known := false
		if p := n.byName[name]; p != nil {
			children, known = append(children, p), true
		}
		for _, p := range n.patternProperties {
			program := p.pattern.compile()
			price := 1 + program.price(name)
			if program.re == nil || price > r.stepsLeft {
				covered = true
				continue
			}
			r.stepsLeft -= price
			if program.re.MatchString(name) {
				children, known = append(children, p.node), true
			}
		}
		if !known && n.additionalProperties != nil && !n.additionalProperties.never {
			children = append(children, n.additionalProperties)
		}
	}
	return children, covered || children != nil
}

func itemNodes(nodes []*node, i int) []*node {
	var children []*node
	for _, n := range nodes {
		switch {
		case i < len(n.prefixItems):
			children = append(children, n.prefixItems[i])
		case n.items != nil:
			children = append(children, n.items)
		}
	}
	return children
}

// maxConjunctDepth bounds the references and unions followed for one value.
const maxConjunctDepth = 32

// conjuncts adds to list all nodes that a value of the given type has to fit if
// it has to fit nodes: these, what they refer to, and the sole alternative of a
// union for that type.
func (r *repair) conjuncts(list, nodes []*node, typ rawjson.Types, depth int) []*node {
	for _, n := range nodes {
		if r.stepsLeft--; r.stepsLeft < 0 || depth > maxConjunctDepth {
			return list
		}
		list = append(list, n)
		if n.ref != nil {
			list = r.conjuncts(list, []*node{n.ref}, typ, depth+1)
		}
		list = r.conjuncts(list, n.allOf, typ, depth+1)
		for _, union := range [][]*node{n.anyOf, n.oneOf} {
			if only := r.soleAlternative(union, typ); only != nil {
				list = r.conjuncts(list, []*node{only}, typ, depth+1)
			}
		}
	}
	return list
}

// soleAlternative returns the alternative of a union that allows the type; nil if
// none or several do. If none allows a string, which may hold JSON of another
// type, it returns the only alternative that allows more than null.
func (r *repair) soleAlternative(union []*node, typ rawjson.Types) *node {
	fits := func(typ rawjson.Types) (only *node, several bool) {
		for _, n := range union {
			if r.types(n, 0)&typ == 0 {
				continue
			}
			if only != nil {
				return nil, true
			}
			only = n
		}
		return only, false
	}
	only, several := fits(typ)
	if only == nil && !several && typ == rawjson.String {
		only, _ = fits(rawjson.Any &^ rawjson.Null)
	}
	return only
}

// types returns the types that a node may allow, whatever the value.
func (r *repair) types(n *node, depth int) rawjson.Types {
	if r.stepsLeft--; r.stepsLeft < 0 || depth > maxConjunctDepth || n.opaque {
		return rawjson.Any
	}
	types := n.types
	if n.never {
		return 0
	}
	if n.enum != nil {
		var listed rawjson.Types
		for _, v := range n.enum {
			listed |= v.Type
		}
		types &= listed
	}
	if n.ref != nil {
		types &= r.types(n.ref, depth+1)
	}
	for _, part := range n.allOf {
		types &= r.types(part, depth+1)
	}
	for _, union := range [][]*node{n.anyOf, n.oneOf} {
		if len(union) == 0 {
			continue
		}
		var any rawjson.Types
		for _, part := range union {
			any |= r.types(part, depth+1)
		}
		types &= any
	}
	return types
}
