package catalog

import (
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"
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
	marks bool
}

// A node is one subschema.
type node struct {
	opaque bool // cannot be evaluated: allows everything, and decides nothing
	never  bool // the schema false
	types  jsonTypes
	ref    *node

	enum []*value // of "enum" or "const"; nil if neither is there

	allOf, anyOf, oneOf          []*node
	not, onlyIf, then, otherwise *node

	minimum, maximum   *limit
	multipleOf         json.RawMessage
	length             span // of a string, in code points
	pattern            *pattern
	count              span // of items
	prefix             []*node
	rest               *node // items after prefix
	contains           *node
	containing         span // items that match contains
	unique             bool
	unevaluatedItems   *node
	size               span // of an object's members
	properties         []property
	byName             map[string]*node
	patterns           []patternProperty
	additional         *node
	names              *node
	required           []string
	dependentRequired  []dependency
	dependentSchemas   []property
	unevaluatedMembers *node
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

// CompileSchema reads a schema. An error means that the schema as a whole
// cannot be read; that is no obstacle to a call, only to checking it first.
func CompileSchema(raw json.RawMessage) (*Schema, error) {
	if len(raw) > maxSchemaBytes {
		return nil, errSchemaSize
	}
	document, ok := parse(raw, maxSchemaLevels)
	if !ok {
		return nil, errSchemaJSON
	}
	if document.typ != objectType && document.typ != booleanType {
		return nil, errSchemaShape
	}
	c := compiler{
		nodes:     make(map[*value]*node),
		resources: make(map[*value]*resource),
		byURI:     make(map[string]*resource),
		loneRef:   strings.Contains(document.get("$schema").text(), "/draft-0"),
	}
	c.findAnchors(&document, nil)
	return &Schema{root: c.compile(&document, c.resources[&document]), marks: c.marks}, nil
}

// A compiler turns the values of one document into nodes. Its maps go by the
// place of a value, so that a subschema referred to many times is one node,
// and a cycle of references is a cycle of nodes.
type compiler struct {
	nodes     map[*value]*node
	resources map[*value]*resource
	byURI     map[string]*resource
	loneRef   bool // the siblings of $ref are ignored, as before draft 2019-09
	marks     bool
}

// compile returns the node of a subschema inside a resource.
func (c *compiler) compile(v *value, around *resource) *node {
	if n := c.nodes[v]; n != nil {
		return n
	}
	every := span{max: math.MaxInt}
	n := &node{types: anyType, length: every, count: every, size: every, containing: span{min: 1, max: math.MaxInt}}
	c.nodes[v] = n
	switch {
	case v.typ == booleanType:
		n.never = !v.isTrue()
		return n
	case v.typ != objectType || v.folded || len(c.nodes) > maxSubschemas:
		n.opaque = true
		return n
	}
	in := c.enter(v, around)
	if ref := v.get("$ref"); ref != nil {
		n.ref = c.follow(ref.text(), in)
		if c.loneRef {
			return n
		}
	}
	for i := range v.members {
		c.keyword(n, v.members[i].name, &v.members[i].value, in)
	}
	c.numeric(n, v)
	c.array(n, v, in)
	if v.get("nullable").isTrue() { // OpenAPI 3.0
		n.types |= nullType
	}
	return n
}

// keyword reads one member of a schema. A malformed one is as good as absent.
func (c *compiler) keyword(n *node, name string, v *value, in *resource) {
	one := func(into **node) {
		if v.typ == objectType || v.typ == booleanType {
			*into = c.compile(v, in)
		}
	}
	switch name {
	case "type":
		n.types = typesOf(v)
	case "enum":
		if v.typ == arrayType {
			n.enum = pointers(v.items)
		}
	case "const":
		n.enum = []*value{v}
	case "$dynamicRef":
		// With one resource in the document it is an ordinary reference.
		if n.ref == nil && len(c.resources) == 1 {
			n.ref = c.follow(v.text(), in)
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
		one(&n.onlyIf)
	case "then":
		one(&n.then)
	case "else":
		one(&n.otherwise)
	case "minLength":
		readCount(&n.length.min, v)
	case "maxLength":
		readCount(&n.length.max, v)
	case "pattern":
		if v.typ == stringType {
			n.pattern = newPattern(v.text())
		}
	case "minProperties":
		readCount(&n.size.min, v)
	case "maxProperties":
		readCount(&n.size.max, v)
	case "properties":
		n.properties = c.compileMembers(v, in)
		n.byName = make(map[string]*node, len(n.properties))
		for _, p := range n.properties {
			n.byName[p.name] = p.node
		}
	case "patternProperties":
		n.patterns = nil
		for _, p := range c.compileMembers(v, in) {
			n.patterns = append(n.patterns, patternProperty{newPattern(p.name), p.node})
		}
	case "additionalProperties":
		one(&n.additional)
	case "propertyNames":
		one(&n.names)
	case "required":
		n.required = texts(v)
	case "dependentRequired", "dependentSchemas", "dependencies": // the last is draft-07's for both
		c.dependencies(n, v, in)
	case "unevaluatedProperties":
		one(&n.unevaluatedMembers)
		c.marks = true
	case "unevaluatedItems":
		one(&n.unevaluatedItems)
		c.marks = true
	}
}

// numeric reads the bounds of numbers; in draft-04 exclusiveMinimum and
// exclusiveMaximum are booleans that qualify the others.
func (c *compiler) numeric(n *node, v *value) {
	read := func(bound, exclusiveBound string, tighter int) *limit {
		var l *limit
		b, x := v.get(bound), v.get(exclusiveBound)
		if b != nil && b.typ&numberType != 0 {
			l = &limit{b.raw, x.isTrue()}
		}
		if x != nil && x.typ&numberType != 0 && (l == nil || compareNumbers(x.raw, l.number) != -tighter) {
			l = &limit{x.raw, true}
		}
		return l
	}
	n.minimum = read("minimum", "exclusiveMinimum", 1)
	n.maximum = read("maximum", "exclusiveMaximum", -1)
	if m := v.get("multipleOf"); m != nil && m.typ&numberType != 0 {
		n.multipleOf = m.raw
	}
}

// array reads what is said of items. An array under "items" is how the drafts
// before 2020-12 wrote prefixItems, with "additionalItems" for the rest.
func (c *compiler) array(n *node, v *value, in *resource) {
	rest := v.get("items")
	if rest != nil && rest.typ == arrayType {
		n.prefix = c.compileAll(rest, in)
		rest = v.get("additionalItems")
	} else if prefix := v.get("prefixItems"); prefix != nil {
		n.prefix = c.compileAll(prefix, in)
	}
	if rest != nil && rest.typ&(objectType|booleanType) != 0 {
		n.rest = c.compile(rest, in)
	}
	if contains := v.get("contains"); contains != nil && contains.typ&(objectType|booleanType) != 0 {
		n.contains = c.compile(contains, in)
		readCount(&n.containing.min, v.get("minContains"))
		readCount(&n.containing.max, v.get("maxContains"))
	}
	readCount(&n.count.min, v.get("minItems"))
	readCount(&n.count.max, v.get("maxItems"))
	n.unique = v.get("uniqueItems").isTrue()
}

func (c *compiler) dependencies(n *node, v *value, in *resource) {
	for i := range v.members {
		m := &v.members[i]
		switch m.value.typ {
		case arrayType:
			n.dependentRequired = append(n.dependentRequired, dependency{m.name, texts(&m.value)})
		case objectType, booleanType:
			n.dependentSchemas = append(n.dependentSchemas, property{m.name, c.compile(&m.value, in)})
		}
	}
}

func (c *compiler) compileAll(v *value, in *resource) []*node {
	nodes := make([]*node, len(v.items))
	for i := range v.items {
		nodes[i] = c.compile(&v.items[i], in)
	}
	return nodes
}

func (c *compiler) compileMembers(v *value, in *resource) []property {
	properties := make([]property, len(v.members))
	for i := range v.members {
		properties[i] = property{v.members[i].name, c.compile(&v.members[i].value, in)}
	}
	return properties
}

// typesOf reads "type", a name or a list of names. A name that JSON Schema
// does not know says nothing, so the whole keyword says nothing.
func typesOf(v *value) jsonTypes {
	names := []string{v.text()}
	if v.typ == arrayType {
		names = texts(v)
	}
	var types jsonTypes
	for _, name := range names {
		t, known := typeNames[name]
		if !known {
			return anyType
		}
		types |= t
	}
	return types
}

var typeNames = map[string]jsonTypes{
	"null": nullType, "boolean": booleanType, "integer": integerType, "number": numberType,
	"string": stringType, "array": arrayType, "object": objectType,
}

// readCount reads a count of 0 or more into n, which it leaves alone if there is none.
func readCount(n *int, v *value) {
	if v == nil || v.typ != integerType {
		return
	}
	f, err := strconv.ParseFloat(string(v.raw), 64) // 2.0 is a count as well
	switch {
	case err != nil || f > math.MaxInt32:
		*n = math.MaxInt32 // beyond anything that fits into a message
	case f >= 0:
		*n = int(f)
	}
}

// texts returns the strings of an array.
func texts(v *value) []string {
	var list []string
	for i := range v.items {
		if v.items[i].typ == stringType {
			list = append(list, v.items[i].text())
		}
	}
	return list
}

func pointers(items []value) []*value {
	list := make([]*value, len(items))
	for i := range items {
		list[i] = &items[i]
	}
	return list
}
