package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"mcpproxy/catalog"
	"mcpproxy/catalog/clean"
	"mcpproxy/catalog/schema"
	"mcpproxy/proxy/mcptool"
	"mcpproxy/upstream"
	"mcpproxy/upstream/raw"
)

// A CallRequest is one call of a server's tool.
type CallRequest struct {
	Server    string
	Tool      string
	Arguments json.RawMessage // an object; nil is an empty one
	// Progress, if not nil, gets the params of each progress notification of
	// the upstream, in order and before Call returns; where ctx or a timeout
	// ended the call, one may come later. It must not block.
	Progress func(params json.RawMessage)
}

// A CallResult is the upstream's answer.
type CallResult struct {
	JSON  json.RawMessage // the CallToolResult object as the upstream wrote it
	Notes []string        // what was repaired or repeated

	limit int // bytes of text that a reply may hold; 0 is off
}

// Call calls a tool. The arguments are repaired where the tool's input schema
// leaves no doubt, and checked against it before anything is sent. A call
// that was cut off is repeated once if the tool is declared read-only or
// idempotent.
func (p *Proxy) Call(ctx context.Context, r CallRequest) (CallResult, error) {
	t, err := p.target(r.Server)
	if err != nil {
		return CallResult{}, err
	}
	tool, err := p.tool(ctx, t, r.Tool)
	if err != nil {
		return CallResult{}, err
	}
	args, notes, err := t.repair(tool, r.Arguments)
	if _, refused := errors.AsType[*ArgumentsError](err); refused && !t.listed.Load() {
		// The schema is of an earlier process and may be out of date.
		if tool, err = p.freshTool(ctx, t, r.Tool); err != nil {
			return CallResult{}, err
		}
		args, notes, err = t.repair(tool, r.Arguments)
	}
	if err != nil {
		return CallResult{}, err
	}
	if tool.Name != r.Tool {
		notes = append(notes, "tool "+raw.Quote(r.Tool)+" was read as "+raw.Quote(tool.Name))
	}
	result := CallResult{Notes: notes, limit: t.resolved.MaxResultBytes}
	send := func(ctx context.Context, s *upstream.Session) (err error) {
		if s.Repeated() {
			result.Notes = append(result.Notes, "the connection broke and the call was repeated")
		}
		result.JSON, err = s.Call(ctx, upstream.Call{
			Tool: tool.Name, Arguments: args, Progress: r.Progress, Repeatable: tool.Repeatable(),
		})
		return err
	}
	if err := p.with(ctx, t, tool.Name, send); err != nil {
		return result, err
	}
	p.checkList(t)
	return result, nil
}

// repair mends the arguments where the tool's input schema leaves no doubt, and
// checks them. A schema that cannot be read is no obstacle: the upstream reads
// its own.
func (t *target) repair(tool catalog.Tool, args json.RawMessage) (json.RawMessage, []string, error) {
	if len(args) == 0 {
		args = json.RawMessage("{}")
	}
	if tool.InputSchema == nil {
		return args, nil, nil
	}
	input := t.schema(tool)
	if input == nil {
		return args, nil, nil
	}
	var notes []string
	if inner, ok := mcptool.Unwrap(tool, args); ok {
		args, notes = inner, []string{"the arguments were taken out of a repeated wrapper"}
	}
	args, repairs := input.Coerce(args)
	notes = append(notes, repairs...)
	if bad, ok := errors.AsType[*schema.ArgumentError](input.ValidateArguments(args)); ok {
		return nil, notes, &ArgumentsError{Server: t.Name, Tool: tool.Name, Signature: tool.Signature(), Err: bad}
	}
	return args, notes, nil
}

// A compiled is the schema of a tool that was called, or nil if it cannot be
// read.
type compiled struct {
	of     json.RawMessage
	schema *schema.Schema
}

// schema compiles a tool's input schema once, until another one is listed.
func (t *target) schema(tool catalog.Tool) *schema.Schema {
	if c, ok := t.schemas.Load(tool.Name); ok && bytes.Equal(c.(compiled).of, tool.InputSchema) {
		return c.(compiled).schema
	}
	c := compiled{of: tool.InputSchema}
	c.schema, _ = schema.Compile(tool.InputSchema) // nil: the upstream reads its own
	t.schemas.Store(tool.Name, c)
	return c.schema
}

// A Description is a tool's descriptor, the schemas byte for byte as the
// upstream sent them.
type Description struct {
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

// DescribeTool returns a tool's descriptor, asking the upstream if it is not
// known.
func (p *Proxy) DescribeTool(ctx context.Context, server, name string) (Description, error) {
	t, err := p.target(server)
	if err != nil {
		return Description{}, err
	}
	tool, err := p.tool(ctx, t, name)
	if err != nil {
		return Description{}, err
	}
	d := Description{
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

// JSON returns the description with its schemas and annotations as they are:
// an encoder would strip their spaces.
func (d Description) JSON() []byte {
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

// A Connection is what a server says of itself when it is connected.
type Connection struct {
	Server   string `json:"server"`
	Name     string `json:"server_name,omitempty"`
	Version  string `json:"server_version,omitempty"`
	Protocol string `json:"protocol_version"`
	Tools    int    `json:"tools_count"`
}

// Connect connects to the server and lists its tools afresh.
func (p *Proxy) Connect(ctx context.Context, server string) (Connection, error) {
	t, err := p.target(server)
	if err != nil {
		return Connection{}, err
	}
	if err := t.up.Connect(ctx); err != nil {
		return Connection{}, &ServerError{Server: t.Name, Err: err}
	}
	e, self, err := p.inspect(ctx, t)
	if err != nil {
		return Connection{}, err
	}
	c := Connection{Server: t.Name, Protocol: self.ProtocolVersion, Tools: len(allowed(t.Server, e))}
	if about := self.ServerInfo; about != nil {
		c.Name, c.Version = clean.Line(about.Name, maxSummary), clean.Line(about.Version, maxSummary)
	}
	return c, nil
}
