package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Access says what a tool may do to the world, from its annotations
// (MCP 2025-11-25, server/tools, ToolAnnotations).
type Access string

const (
	Read        Access = "read"        // readOnlyHint is true
	Write       Access = "write"       // not read-only, destructiveHint is false
	Destructive Access = "destructive" // not read-only, destructiveHint true or absent (its default)
)

// A Tool is one descriptor, kept as its upstream sent it. The raw members
// hold exactly the bytes of the descriptor; the strings are decoded.
type Tool struct {
	Name         string
	Title        string          // the descriptor's title, else its annotations' title
	Description  string          // as sent: foreign text, see [Clean]
	InputSchema  json.RawMessage // nil if the descriptor has none
	OutputSchema json.RawMessage // nil if the descriptor has none
	Annotations  json.RawMessage // nil if the descriptor has none
	Raw          json.RawMessage // the whole descriptor

	hints hints
}

type hints struct {
	Title       string `json:"title"`
	ReadOnly    *bool  `json:"readOnlyHint"`
	Destructive *bool  `json:"destructiveHint"`
	Idempotent  *bool  `json:"idempotentHint"`
}

// ParseTool reads one element of a tools/list result. It keeps raw and does
// not copy it. Only a descriptor that is no object or has no name is an error.
func ParseTool(raw json.RawMessage) (Tool, error) {
	var d struct {
		Name         string          `json:"name"`
		Title        any             `json:"title"`
		Description  any             `json:"description"`
		InputSchema  json.RawMessage `json:"inputSchema"`
		OutputSchema json.RawMessage `json:"outputSchema"`
		Annotations  json.RawMessage `json:"annotations"`
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return Tool{}, fmt.Errorf("tool descriptor: %w", err)
	}
	if d.Name == "" {
		return Tool{}, errors.New("tool descriptor without a name")
	}
	t := Tool{
		Name:         d.Name,
		InputSchema:  d.InputSchema,
		OutputSchema: d.OutputSchema,
		Annotations:  d.Annotations,
		Raw:          raw,
	}
	t.Title, _ = d.Title.(string)
	t.Description, _ = d.Description.(string)
	// Annotations of an unexpected shape are hints that say nothing.
	if json.Unmarshal(d.Annotations, &t.hints) == nil && t.Title == "" {
		t.Title = t.hints.Title
	}
	return t, nil
}

// Access classifies the tool; a tool without annotations is destructive,
// which is what the specification's defaults say.
func (t Tool) Access() Access {
	switch {
	case isTrue(t.hints.ReadOnly):
		return Read
	case t.hints.Destructive != nil && !*t.hints.Destructive:
		return Write
	}
	return Destructive
}

// Repeatable reports whether calling the tool twice with the same arguments
// is declared to do no more than calling it once.
func (t Tool) Repeatable() bool {
	return isTrue(t.hints.ReadOnly) || isTrue(t.hints.Idempotent)
}

func isTrue(b *bool) bool { return b != nil && *b }
