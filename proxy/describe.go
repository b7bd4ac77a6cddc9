package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"

	"mcpproxy/catalog"
	"mcpproxy/catalog/clean"
	"mcpproxy/proxy/config"
	"mcpproxy/upstream/raw"
)

// A description is a tool's descriptor, the schemas byte for byte as the
// upstream sent them.
type description struct {
	Server       string          `json:"server"`
	Tool         string          `json:"tool"`
	Title        string          `json:"title,omitempty"`
	Description  string          `json:"description"`
	Warning      string          `json:"warning,omitempty"` // its text or schemas hold what is meant not to be seen
	InputSchema  json.RawMessage `json:"input_schema,omitempty"`
	OutputSchema json.RawMessage `json:"output_schema,omitempty"`
	Annotations  json.RawMessage `json:"annotations,omitempty"`
	Access       catalog.Access  `json:"access"`
}

// describe returns a tool's descriptor, asking the upstream if it is not known.
// found is the tool if it was found already.
func (v *View) describe(ctx context.Context, s *config.Server, name string, found *catalog.Tool) (description, error) {
	t, err := v.target(s)
	if err != nil {
		return description{}, err
	}
	tool, err := t.tool(ctx, name, found)
	if err != nil {
		return description{}, err
	}
	d := description{
		Server:       t.Name,
		Tool:         clean.Line(tool.Name, 0),
		Title:        clean.Line(tool.Title, maxSummary),
		Description:  cleanText(tool.Description, maxFullDescription),
		InputSchema:  orEmpty(tool.InputSchema),
		OutputSchema: tool.OutputSchema,
		Annotations:  tool.Annotations,
		Access:       tool.Access(),
	}
	switch {
	case hidesText(tool):
		d.Warning = hiddenText
	case hidesSchema(tool):
		d.Warning = hiddenInSchema
	}
	return d, nil
}

// orEmpty stands in for the schema of a tool that has none.
func orEmpty(schema json.RawMessage) json.RawMessage {
	if schema == nil {
		return json.RawMessage("{}")
	}
	return schema
}

// json returns the description with its schemas and annotations as they are:
// an encoder would strip their spaces.
func (d description) json() []byte {
	input, output, annotations := d.InputSchema, d.OutputSchema, d.Annotations
	d.InputSchema, d.OutputSchema, d.Annotations = nil, nil, nil
	b := bytes.TrimSuffix(raw.Encode(d), []byte("}"))
	b = append(append(b, `,"input_schema":`...), input...)
	if output != nil {
		b = append(append(b, `,"output_schema":`...), output...)
	}
	if annotations != nil {
		b = append(append(b, `,"annotations":`...), annotations...)
	}
	return append(b, '}')
}

// What warns of a tool that tries to hide something from the person.
const (
	hiddenText     = "hidden characters were removed from its name, title or description"
	hiddenInSchema = "its schemas hold hidden characters; they are shown as they came"
)

// hidesText reports whether a tool's own words hold what is meant not to be seen.
func hidesText(t catalog.Tool) bool {
	return slices.ContainsFunc([]string{t.Name, t.Title, t.Description}, hides)
}

// hidesSchema is hidesText for the schemas, which are shown as they are. What
// they escape is seen.
func hidesSchema(t catalog.Tool) bool {
	return hides(string(t.InputSchema)) || hides(string(t.OutputSchema))
}

func hides(s string) bool {
	_, hidden := clean.Text(s, 0)
	return hidden
}
