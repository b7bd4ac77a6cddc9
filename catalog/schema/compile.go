package schema

import (
	"math"
	"strconv"

	"mcpproxy/catalog/rawjson"
)

// A compiler turns the values of one document into nodes. Its maps are keyed by
// the place of a value, so a subschema with many references to it is one node
// and a cycle of references is a cycle of nodes.
type compiler struct {
	nodes             map[*rawjson.Value]*node
	resources         map[*rawjson.Value]*resource
	byURI             map[string]*resource
	ignoreRefSiblings bool // as before draft 2019-09
	unevaluated       bool // see Schema
	patternBytes      int  // of all patterns so far
	uriBytes          int  // of the URIs of all resources so far
}

// pattern returns the pattern of that source. Compiling takes time, so a schema
// has only so many.
func (c *compiler) pattern(source string) *pattern {
	if c.patternBytes += len(source); c.patternBytes > maxAllPatterns {
		return &pattern{source, func() program { return program{} }}
	}
	return newPattern(source)
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
		name, keyword := v.Members[i].Name, &v.Members[i].Value
		c.applicator(n, name, keyword, in)
		c.assertion(n, name, keyword, in)
	}
	c.numeric(n, v)
	c.array(n, v, in)
	if v.Get("nullable").IsTrue() { // OpenAPI 3.0
		n.types |= rawjson.Null
	}
	return n
}

// applicator reads a keyword that holds subschemas (core, section 10). Items
// and contains are left to array.
func (c *compiler) applicator(n *node, name string, v *rawjson.Value, in *resource) {
	switch name {
	case "allOf":
		n.allOf = c.compileAll(v, in)
	case "anyOf":
		n.anyOf = c.compileAll(v, in)
	case "oneOf":
		n.oneOf = c.compileAll(v, in)
	case "not":
		c.compileInto(&n.not, v, in)
	case "if":
		c.compileInto(&n.condition, v, in)
	case "then":
		c.compileInto(&n.then, v, in)
	case "else":
		c.compileInto(&n.otherwise, v, in)
	case "properties":
		n.properties = c.compileMembers(v, in)
		n.byName = make(map[string]*node, len(n.properties))
		for _, p := range n.properties {
			n.byName[p.name] = p.node
		}
	case "patternProperties":
		n.patternProperties = nil
		for _, p := range c.compileMembers(v, in) {
			n.patternProperties = append(n.patternProperties, patternProperty{c.pattern(p.name), p.node})
		}
	case "additionalProperties":
		c.compileInto(&n.additionalProperties, v, in)
	case "propertyNames":
		c.compileInto(&n.propertyNames, v, in)
	case "unevaluatedProperties":
		c.compileInto(&n.unevaluatedProperties, v, in)
		c.unevaluated = true
	case "unevaluatedItems":
		c.compileInto(&n.unevaluatedItems, v, in)
		c.unevaluated = true
	}
}

// assertion reads the other keywords: those that look at the value itself
// (validation, section 6), $dynamicRef and dependencies. Those of numbers and
// arrays are left to numeric and array.
func (c *compiler) assertion(n *node, name string, v *rawjson.Value, in *resource) {
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
		// In a document of one resource it is an ordinary reference.
		if n.ref == nil && len(c.resources) == 1 {
			n.ref = c.follow(v.Text(), in)
		} else {
			n.opaque = true
		}
	case "minLength":
		readCount(&n.length.min, v)
	case "maxLength":
		readCount(&n.length.max, v)
	case "pattern":
		if v.Type == rawjson.String {
			n.pattern = c.pattern(v.Text())
		}
	case "minProperties":
		readCount(&n.memberCount.min, v)
	case "maxProperties":
		readCount(&n.memberCount.max, v)
	case "required":
		n.required = stringsOf(v)
	case "dependentRequired", "dependentSchemas", "dependencies": // draft-07 has one keyword for both
		c.dependencies(n, v, in)
	}
}

// numeric reads the bounds of numbers. In draft-04 exclusiveMinimum and
// exclusiveMaximum are booleans that belong to minimum and maximum.
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

// array reads the keywords of arrays. Drafts before 2020-12 write prefixItems as
// an array under "items", and items as "additionalItems".
func (c *compiler) array(n *node, v *rawjson.Value, in *resource) {
	items := v.Get("items")
	if items != nil && items.Type == rawjson.Array {
		n.prefixItems = c.compileAll(items, in)
		items = v.Get("additionalItems")
	} else if prefix := v.Get("prefixItems"); prefix != nil {
		n.prefixItems = c.compileAll(prefix, in)
	}
	c.compileInto(&n.items, items, in)
	if contains := v.Get("contains"); isSchema(contains) {
		n.contains = c.compile(contains, in)
		readCount(&n.containsCount.min, v.Get("minContains"))
		readCount(&n.containsCount.max, v.Get("maxContains"))
	}
	readCount(&n.itemCount.min, v.Get("minItems"))
	readCount(&n.itemCount.max, v.Get("maxItems"))
	n.uniqueItems = v.Get("uniqueItems").IsTrue()
}

// dependencies reads what an object needs if it has a member of some name: the
// names of other members, or a subschema.
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

// isSchema reports whether v can be a schema.
func isSchema(v *rawjson.Value) bool {
	return v != nil && v.Type&(rawjson.Object|rawjson.Boolean) != 0
}

// compileInto sets a node if v can be a schema.
func (c *compiler) compileInto(n **node, v *rawjson.Value, in *resource) {
	if isSchema(v) {
		*n = c.compile(v, in)
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

// typesOf reads the keyword "type", a name or a list of names. A name that JSON
// Schema does not define makes the whole keyword allow everything.
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

// readCount sets n to a count of 0 or more, if v is one.
func readCount(n *int, v *rawjson.Value) {
	if v == nil || v.Type != rawjson.Integer {
		return
	}
	f, err := strconv.ParseFloat(string(v.Raw), 64) // 2.0 is a count, too
	switch {
	case err != nil || f > math.MaxInt32:
		*n = math.MaxInt32 // no message holds more
	case f >= 0:
		*n = int(f)
	}
}

// stringsOf returns those items of an array that are strings.
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
