package search

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// A paramText is the text of one parameter in an input schema.
type paramText struct {
	name string
	text string // descriptions, enumerated values and names, its own and those of what it holds
}

// maxParamDepth bounds the levels of a parameter that are read.
const maxParamDepth = 3

// paramTexts returns the parameters of an input schema in order of name. It does
// not follow $ref, because what a schema shares seldom describes one tool.
func paramTexts(schema json.RawMessage) []paramText {
	if len(schema) == 0 || len(schema) > maxSchema {
		return nil
	}
	var root schemaText
	_ = json.Unmarshal(schema, &root) // members of a wrong type stay empty
	params := make([]paramText, 0, len(root.Properties))
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(root.Properties)) {
		text.Reset()
		root.Properties[name].write(&text, maxParamDepth)
		params = append(params, paramText{name, text.String()})
	}
	return params
}

// A schemaText is the part of a JSON Schema that holds words.
type schemaText struct {
	Description string                 `json:"description"`
	Enum        []any                  `json:"enum"`
	Properties  map[string]*schemaText `json:"properties"`
	Items       *schemaText            `json:"items"`
	AnyOf       []*schemaText          `json:"anyOf"`
	OneOf       []*schemaText          `json:"oneOf"`
}

func (s *schemaText) write(b *strings.Builder, depth int) {
	if s == nil || depth == 0 || b.Len() > maxText {
		return
	}
	b.WriteString(s.Description)
	b.WriteByte(' ')
	for _, value := range s.Enum {
		if v, ok := value.(string); ok {
			b.WriteString(v)
			b.WriteByte(' ')
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		b.WriteString(name)
		b.WriteByte(' ')
		s.Properties[name].write(b, depth-1)
	}
	s.Items.write(b, depth-1)
	for _, of := range [][]*schemaText{s.AnyOf, s.OneOf} {
		for _, one := range of {
			one.write(b, depth-1)
		}
	}
}
