package schema

import (
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"mcpproxy/catalog/rawjson"
)

// Bounds on what a foreign schema may cost. A schema within the first two is
// compiled; the parts of it beyond the others are taken to allow everything.
const (
	maxSchemaBytes  = 1 << 20
	maxSchemaLevels = 256
	maxSubschemas   = 20_000
	maxPatternBytes = 4 << 10
)

var (
	errSchemaSize  = errors.New("schema is larger than 1 MiB")
	errSchemaJSON  = errors.New("schema is not valid JSON")
	errSchemaShape = errors.New("schema is neither an object nor a boolean")
)

// A Schema is a JSON Schema made ready for validating, repairing and
// describing arguments. It reads 2020-12 and draft-07, and what is in use of
// older drafts and of OpenAPI where it cannot be mistaken. It never leaves the
// document: a reference to anywhere else, like all that it cannot evaluate (a
// pattern that is not RE2, $dynamicRef across resources), allows everything,
// since the upstream has the last word anyway. A Schema is immutable and safe
// for concurrent use.
type Schema struct {
	root *node
	// marks says that some subschema asks what its siblings have evaluated.
	unevaluated bool
}

// A node is one subschema.
type node struct {
	opaque bool // cannot be evaluated: allows everything, and decides nothing
	never  bool // the schema false
	types  rawjson.Types
	ref    *node

	enum []*rawjson.Value // of "enum" or "const"; nil if neither is there

	allOf, anyOf, oneOf             []*node
	not, condition, then, otherwise *node

	minimum, maximum      *limit
	multipleOf            json.RawMessage
	length                span // of a string, in code points
	pattern               *pattern
	itemCount             span // of items
	prefixItems           []*node
	items                 *node // items after prefix
	contains              *node
	containsCount         span // items that match contains
	uniqueItems           bool
	unevaluatedItems      *node
	memberCount           span // of an object's members
	properties            []property
	byName                map[string]*node
	patternProperties     []patternProperty
	additionalProperties  *node
	propertyNames         *node
	required              []string
	dependentRequired     []dependency
	dependentSchemas      []property
	unevaluatedProperties *node
}

type property struct {
	name string
	node *node
}

type patternProperty struct {
	pattern *pattern
	node    *node
}

type dependency struct {
	name  string
	needs []string
}

// A limit is a bound on a number.
type limit struct {
	number    json.RawMessage
	exclusive bool
}

// A span is a range of counts; max is math.MaxInt where there is none.
type span struct{ min, max int }

// A pattern is compiled when first needed: most schemas are only described.
type pattern struct {
	source  string
	compile func() *regexp.Regexp // nil result: not RE2
}

func newPattern(source string) *pattern {
	return &pattern{source, sync.OnceValue(func() *regexp.Regexp {
		if len(source) > maxPatternBytes {
			return nil
		}
		re, err := regexp.Compile(source)
		if err != nil {
			return nil // ECMA-262 look-around and back-references
		}
		return re
	})}
}

// Compile reads a schema. An error means that the schema as a whole
// cannot be read; that is no obstacle to a call, only to checking it first.
func Compile(raw json.RawMessage) (*Schema, error) {
	if len(raw) > maxSchemaBytes {
		return nil, errSchemaSize
	}
	document, ok := rawjson.Parse(raw, maxSchemaLevels)
	if !ok {
		return nil, errSchemaJSON
	}
	if document.Type != rawjson.Object && document.Type != rawjson.Boolean {
		return nil, errSchemaShape
	}
	c := compiler{
		nodes:             make(map[*rawjson.Value]*node),
		resources:         make(map[*rawjson.Value]*resource),
		byURI:             make(map[string]*resource),
		ignoreRefSiblings: strings.Contains(document.Get("$schema").Text(), "/draft-0"),
	}
	c.findAnchors(&document, nil)
	return &Schema{root: c.compile(&document, c.resources[&document]), unevaluated: c.unevaluated}, nil
}

// A compiler turns the values of one document into nodes. Its maps go by the
// place of a value, so that a subschema referred to many times is one node,
// and a cycle of references is a cycle of nodes.
type compiler struct {
	nodes             map[*rawjson.Value]*node
	resources         map[*rawjson.Value]*resource
	byURI             map[string]*resource
	ignoreRefSiblings bool // the siblings of $ref are ignored, as before draft 2019-09
	unevaluated       bool
}

// compile returns the node of a subschema inside a resource.
func (c *compiler) compile(v *rawjson.Value, around *resource) *node {
	if n := c.nodes[v]; n != nil {
		return n
	}
	every := span{max: math.MaxInt}
	n := &node{types: rawjson.Any, length: every, itemCount: every, memberCount: every, containsCount: span{min: 1, max: math.MaxInt}}
	c.nodes[v] = n
	switch {
	case v.Type == rawjson.Boolean:
		n.never = !v.IsTrue()
		return n
	case v.Type != rawjson.Object || v.Unread || len(c.nodes) > maxSubschemas:
		n.opaque = true
		return n
	}
	in := c.enter(v, around)
	if ref := v.Get("$ref"); ref != nil {
		n.ref = c.follow(ref.Text(), in)
		if c.ignoreRefSiblings {
			return n
		}
	}
	for i := range v.Members {
		c.keyword(n, v.Members[i].Name, &v.Members[i].Value, in)
	}
	c.numeric(n, v)
	c.array(n, v, in)
	if v.Get("nullable").IsTrue() { // OpenAPI 3.0
		n.types |= rawjson.Null
	}
	return n
}

// keyword reads one member of a schema. A malformed one is as good as absent.
func (c *compiler) keyword(n *node, name string, v *rawjson.Value, in *resource) {
	one := func(into **node) {
		if v.Type == rawjson.Object || v.Type == rawjson.Boolean {
			*into = c.compile(v, in)
		}
	}
	switch name {
	case "type":
		n.types = typesOf(v)
	case "enum":
		if v.Type == rawjson.Array {
			n.enum = pointers(v.Items)
		}
	case "const":
		n.enum = []*rawjson.Value{v}
	case "$dynamicRef":
		// With one resource in the document it is an ordinary reference.
		if n.ref == nil && len(c.resources) == 1 {
			n.ref = c.follow(v.Text(), in)
		} else {
			n.opaque = true
		}
	case "allOf":
		n.allOf = c.compileAll(v, in)
	case "anyOf":
		n.anyOf = c.compileAll(v, in)
	case "oneOf":
		n.oneOf = c.compileAll(v, in)
	case "not":
		one(&n.not)
	case "if":
		one(&n.condition)
	case "then":
		one(&n.then)
	case "else":
		one(&n.otherwise)
	case "minLength":
		readCount(&n.length.min, v)
	case "maxLength":
		readCount(&n.length.max, v)
	case "pattern":
		if v.Type == rawjson.String {
			n.pattern = newPattern(v.Text())
		}
	case "minProperties":
		readCount(&n.memberCount.min, v)
	case "maxProperties":
		readCount(&n.memberCount.max, v)
	case "properties":
		n.properties = c.compileMembers(v, in)
		n.byName = make(map[string]*node, len(n.properties))
		for _, p := range n.properties {
			n.byName[p.name] = p.node
		}
	case "patternProperties":
		n.patternProperties = nil
		for _, p := range c.compileMembers(v, in) {
			n.patternProperties = append(n.patternProperties, patternProperty{newPattern(p.name), p.node})
		}
	case "additionalProperties":
		one(&n.additionalProperties)
	case "propertyNames":
		one(&n.propertyNames)
	case "required":
		n.required = stringsOf(v)
	case "dependentRequired", "dependentSchemas", "dependencies": // the last is draft-07's for both
		c.dependencies(n, v, in)
	case "unevaluatedProperties":
		one(&n.unevaluatedProperties)
		c.unevaluated = true
	case "unevaluatedItems":
		one(&n.unevaluatedItems)
		c.unevaluated = true
	}
}

// numeric reads the bounds of numbers; in draft-04 exclusiveMinimum and
// exclusiveMaximum are booleans that qualify the others.
func (c *compiler) numeric(n *node, v *rawjson.Value) {
	read := func(bound, exclusiveBound string, tighter int) *limit {
		var l *limit
		b, x := v.Get(bound), v.Get(exclusiveBound)
		if b != nil && b.Type&rawjson.Number != 0 {
			l = &limit{b.Raw, x.IsTrue()}
		}
		if x != nil && x.Type&rawjson.Number != 0 && (l == nil || rawjson.CompareNumbers(x.Raw, l.number) != -tighter) {
			l = &limit{x.Raw, true}
		}
		return l
	}
	n.minimum = read("minimum", "exclusiveMinimum", 1)
	n.maximum = read("maximum", "exclusiveMaximum", -1)
	if m := v.Get("multipleOf"); m != nil && m.Type&rawjson.Number != 0 {
		n.multipleOf = m.Raw
	}
}

// array reads what is said of items. An array under "items" is how the drafts
// before 2020-12 wrote prefixItems, with "additionalItems" for the rest.
func (c *compiler) array(n *node, v *rawjson.Value, in *resource) {
	rest := v.Get("items")
	if rest != nil && rest.Type == rawjson.Array {
		n.prefixItems = c.compileAll(rest, in)
		rest = v.Get("additionalItems")
	} else if prefix := v.Get("prefixItems"); prefix != nil {
		n.prefixItems = c.compileAll(prefix, in)
	}
	if rest != nil && rest.Type&(rawjson.Object|rawjson.Boolean) != 0 {
		n.items = c.compile(rest, in)
	}
	if contains := v.Get("contains"); contains != nil && contains.Type&(rawjson.Object|rawjson.Boolean) != 0 {
		n.contains = c.compile(contains, in)
		readCount(&n.containsCount.min, v.Get("minContains"))
		readCount(&n.containsCount.max, v.Get("maxContains"))
	}
	readCount(&n.itemCount.min, v.Get("minItems"))
	readCount(&n.itemCount.max, v.Get("maxItems"))
	n.uniqueItems = v.Get("uniqueItems").IsTrue()
}

func (c *compiler) dependencies(n *node, v *rawjson.Value, in *resource) {
	for i := range v.Members {
		m := &v.Members[i]
		switch m.Value.Type {
		case rawjson.Array:
			n.dependentRequired = append(n.dependentRequired, dependency{m.Name, stringsOf(&m.Value)})
		case rawjson.Object, rawjson.Boolean:
			n.dependentSchemas = append(n.dependentSchemas, property{m.Name, c.compile(&m.Value, in)})
		}
	}
}

func (c *compiler) compileAll(v *rawjson.Value, in *resource) []*node {
	nodes := make([]*node, len(v.Items))
	for i := range v.Items {
		nodes[i] = c.compile(&v.Items[i], in)
	}
	return nodes
}

func (c *compiler) compileMembers(v *rawjson.Value, in *resource) []property {
	properties := make([]property, len(v.Members))
	for i := range v.Members {
		properties[i] = property{v.Members[i].Name, c.compile(&v.Members[i].Value, in)}
	}
	return properties
}

// typesOf reads "type", a name or a list of names. A name that JSON Schema
// does not know says nothing, so the whole keyword says nothing.
func typesOf(v *rawjson.Value) rawjson.Types {
	names := []string{v.Text()}
	if v.Type == rawjson.Array {
		names = stringsOf(v)
	}
	var types rawjson.Types
	for _, name := range names {
		t, known := typeNames[name]
		if !known {
			return rawjson.Any
		}
		types |= t
	}
	return types
}

var typeNames = map[string]rawjson.Types{
	"null": rawjson.Null, "boolean": rawjson.Boolean, "integer": rawjson.Integer, "number": rawjson.Number,
	"string": rawjson.String, "array": rawjson.Array, "object": rawjson.Object,
}

// readCount reads a count of 0 or more into n, which it leaves alone if there is none.
func readCount(n *int, v *rawjson.Value) {
	if v == nil || v.Type != rawjson.Integer {
		return
	}
	f, err := strconv.ParseFloat(string(v.Raw), 64) // 2.0 is a count as well
	switch {
	case err != nil || f > math.MaxInt32:
		*n = math.MaxInt32 // beyond anything that fits into a message
	case f >= 0:
		*n = int(f)
	}
}

// stringsOf returns the strings of an array.
func stringsOf(v *rawjson.Value) []string {
	var list []string
	for i := range v.Items {
		if v.Items[i].Type == rawjson.String {
			list = append(list, v.Items[i].Text())
		}
	}
	return list
}

func pointers(items []rawjson.Value) []*rawjson.Value {
	list := make([]*rawjson.Value, len(items))
	for i := range items {
		list[i] = &items[i]
	}
	return list
}
