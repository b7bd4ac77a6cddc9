package schema

import (
	"encoding/json"
	"errors"
	"strings"

	"mcpproxy/catalog/rawjson"
)

// Bounds on what a foreign schema may cost. A schema beyond the first two is
// refused; what goes beyond the others inside a schema allows everything.
const (
	maxSchemaBytes  = 1 << 20
	maxSchemaLevels = 256
	maxSubschemas   = 20_000
	maxAllPatterns  = 64 << 10 // bytes of all patterns of a schema together
	maxPatternSize  = 20_000   // instructions of the compiled pattern, counted roughly
)

var (
	errSchemaSize  = errors.New("schema is larger than 1 MiB")
	errSchemaJSON  = errors.New("schema is not valid JSON")
	errSchemaShape = errors.New("schema is neither an object nor a boolean")
)

// A Schema is a compiled JSON Schema. It understands drafts 2020-12 and 07, and
// those parts of older drafts and of OpenAPI that have only one reading.
//
// A Schema allows whatever it cannot decide, because the upstream checks the
// call again: a reference that leads outside the document, a pattern that is
// not RE2, a $dynamicRef between resources. A Schema never changes and is safe
// for concurrent use.
type Schema struct {
	root *node
	// unevaluated is true if some subschema has unevaluatedProperties or
	// unevaluatedItems, so that a validation has to collect annotations.
	unevaluated bool
}

// Compile reads a schema of at most 1 MiB. It fails only if the whole schema
// cannot be read, which prevents a check of the arguments and not the call. A
// keyword with a malformed value counts as absent.
func Compile(raw json.RawMessage) (*Schema, error) {
	if len(raw) > maxSchemaBytes {
		return nil, errSchemaSize
	}
	document, ok := rawjson.Parse(raw, maxSchemaLevels)
	if !ok {
		return nil, errSchemaJSON
	}
	if !isSchema(&document) {
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
