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

// A Tool is one descriptor as its upstream sent it (MCP 2025-11-25, server/tools,
// Tool). The raw fields are slices of the descriptor; the strings are decoded.
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

// hints are the annotations about what a call does; nil if absent.
type hints struct{ readOnly, destructive, idempotent *bool }

var (
	errNoDescriptor = errors.New("tool descriptor is not a JSON object")
	errNoName       = errors.New("tool descriptor without a name")
)

// ParseTool reads one element of a tools/list result. The tool keeps raw, which
// must not change any more. An error means that raw is not an object or has no
// name; any other member of a wrong type counts as absent. The names of members
// must be spelt as in the specification, and the last of several of one name
// counts.
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
		InputSchema:  rawOf(d.Get("inputSchema")),
		OutputSchema: rawOf(d.Get("outputSchema")),
		Annotations:  rawOf(d.Get("annotations")),
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

// rawOf returns the bytes of a member, or nil if it is absent or null.
func rawOf(v *rawjson.Value) json.RawMessage {
	if v == nil || v.Type == rawjson.Null {
		return nil
	}
	return v.Raw
}

// Access classifies the tool. By the specification's defaults a tool without
// annotations is destructive.
func (t Tool) Access() Access {
	switch {
	case isTrue(t.hints.readOnly):
		return Read
	case t.hints.destructive != nil && !*t.hints.destructive:
		return Write
	}
	return Destructive
}

// Repeatable reports whether the tool is declared read-only or idempotent, so that
// a second call with the same arguments has no further effect.
func (t Tool) Repeatable() bool {
	return isTrue(t.hints.readOnly) || isTrue(t.hints.idempotent)
}

func isTrue(b *bool) bool { return b != nil && *b }

// Signature describes in one line how to call the tool, see [schema.Signature].
func (t Tool) Signature() string { return schema.Signature(t.Name, t.InputSchema) }
