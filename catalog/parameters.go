package catalog

import (
	"encoding/json"
	"strings"
)

type schemaNode struct {
	Description string                 `json:"description"`
	Properties  map[string]*schemaNode `json:"properties"`
	Items       *schemaNode            `json:"items"`
	Enum        []any                  `json:"enum"`
	AnyOf       []*schemaNode          `json:"anyOf"`
	OneOf       []*schemaNode          `json:"oneOf"`
}

func parametersOf(raw json.RawMessage) map[string]string {
	var n schemaNode
	if len(raw) == 0 {
		return nil
	}
	_ = json.Unmarshal(raw, &n)
	m := map[string]string{}
	for p, x := range n.Properties {
		if x == nil {
			m[p] = ""
			continue
		}
		var b strings.Builder
		x.text(&b, 0)
		m[p] = b.String()
	}
	return m
}

func (n *schemaNode) text(b *strings.Builder, depth int) {
	if n == nil || depth > 3 {
		return
	}
	b.WriteString(n.Description)
	b.WriteByte(' ')
	for _, e := range n.Enum {
		if s, ok := e.(string); ok {
			b.WriteString(s)
			b.WriteByte(' ')
		}
	}
	n.Items.text(b, depth+1)
	for p, x := range n.Properties {
		b.WriteString(p)
		b.WriteByte(' ')
		x.text(b, depth+1)
	}
	for _, x := range n.AnyOf {
		x.text(b, depth+1)
	}
	for _, x := range n.OneOf {
		x.text(b, depth+1)
	}
}
