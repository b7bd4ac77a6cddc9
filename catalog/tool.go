package catalog

import (
	"encoding/json"
	"errors"

	"mcpproxy/catalog/rawjson"
	"mcpproxy/catalog/schema"
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
	Description  string          // as sent: foreign text, see package clean
	InputSchema  json.RawMessage // nil if the descriptor has none
	OutputSchema json.RawMessage // nil if the descriptor has none
	Annotations  json.RawMessage // nil if the descriptor has none
	Raw          json.RawMessage // the whole descriptor

	hints hints
}

// hints are the annotations that say what a call does; nil is "not said".
type hints struct{ readOnly, destructive, idempotent *bool }

var (
	errNoDescriptor = errors.New("tool descriptor is not a JSON object")
	errNoName       = errors.New("tool descriptor without a name")
)

// ParseTool reads one element of a tools/list result. It keeps raw and does
// not copy it: the raw members are slices of it. Only a descriptor that is no
// object or has no name is an error; a member of an unexpected type is as good
// as absent. Names of members are matched exactly, as the specification spells
// them; of a member given twice the last counts.
func ParseTool(raw json.RawMessage) (Tool, error) {
	if !json.Valid(raw) {
		return Tool{}, errNoDescriptor
	}
	return parseValidTool(raw)
}

func parseValidTool(raw json.RawMessage) (Tool, error) {
	d := rawjson.ParseValid(raw, 1)
	if d.Type != rawjson.Object {
		return Tool{}, errNoDescriptor
	}
	t := Tool{
		Name:         d.Get("name").Text(),
		Title:        d.Get("title").Text(),
		Description:  d.Get("description").Text(),
		InputSchema:  given(d.Get("inputSchema")),
		OutputSchema: given(d.Get("outputSchema")),
		Annotations:  given(d.Get("annotations")),
		Raw:          raw,
	}
	if t.Name == "" {
		return Tool{}, errNoName
	}
	if t.Annotations != nil {
		a := rawjson.ParseValid(t.Annotations, 1)
		t.hints = hints{a.Get("readOnlyHint").Bool(), a.Get("destructiveHint").Bool(), a.Get("idempotentHint").Bool()}
		if t.Title == "" {
			t.Title = a.Get("title").Text()
		}
	}
	return t, nil
}

// given returns the bytes of a member that is there and not null.
func given(v *rawjson.Value) json.RawMessage {
	if v == nil || v.Type == rawjson.Null {
		return nil
	}
	return v.Raw
}

// Access classifies the tool; a tool without annotations is destructive,
// which is what the specification's defaults say.
func (t Tool) Access() Access {
	switch {
	case isTrue(t.hints.readOnly):
		return Read
	case t.hints.destructive != nil && !*t.hints.destructive:
		return Write
	}
	return Destructive
}

// Repeatable reports whether calling the tool twice with the same arguments
// is declared to do no more than calling it once.
func (t Tool) Repeatable() bool {
	return isTrue(t.hints.readOnly) || isTrue(t.hints.idempotent)
}

func isTrue(b *bool) bool { return b != nil && *b }

// Signature describes how to call the tool in one line, see [schema.Signature].
func (t Tool) Signature() string { return schema.Signature(t.Name, t.InputSchema) }
