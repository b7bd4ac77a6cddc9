package schema

import (
	"encoding/json"

	"mcpproxy/catalog/rawjson"
)

// A node is one subschema. Its fields have the names of their keywords where
// nothing else is said.
type node struct {
	opaque bool // cannot be evaluated, so it allows everything
	never  bool // the schema false
	types  rawjson.Types
	ref    *node

	enum []*rawjson.Value // also of "const"; nil if neither is there

	allOf, anyOf, oneOf             []*node
	not, condition, then, otherwise *node // condition is "if"

	minimum, maximum *limit
	multipleOf       json.RawMessage

	length  span // of a string, in code points
	pattern *pattern

	itemCount        span
	prefixItems      []*node
	items            *node // for the items after prefixItems
	contains         *node
	containsCount    span // of the items that match contains
	uniqueItems      bool
	unevaluatedItems *node

	memberCount           span
	properties            []property
	byName                map[string]*node // of properties
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

// A dependency names the members that an object needs if it has one of that
// name.
type dependency struct {
	name  string
	needs []string
}

// A limit is a bound on a number.
type limit struct {
	number    json.RawMessage
	exclusive bool
}

// A span is a range of counts; max is math.MaxInt where there is no maximum.
type span struct{ min, max int }
