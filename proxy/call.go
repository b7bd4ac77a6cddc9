package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"mcpproxy/catalog"
	"mcpproxy/catalog/schema"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/mcptool"
	"mcpproxy/proxy/results"
	"mcpproxy/upstream"
	"mcpproxy/upstream/raw"
)

// A CallRequest is one call of a server's tool.
type CallRequest struct {
	Tool      string
	Arguments json.RawMessage // an object; nil is an empty one
	// Progress, if not nil, gets the params of each progress notification of
	// the upstream, in order and before Call returns; where ctx or a timeout
	// ended the call, one may come later. It must not block.
	Progress func(params json.RawMessage)

	found *catalog.Tool // the tool, if it was found already
}

// A CallResult is the upstream's answer.
type CallResult struct {
	JSON  json.RawMessage // the CallToolResult object as the upstream wrote it, see [results.Accept]
	Notes []string        // what was repaired or repeated

	limit        int  // bytes of text that a reply may hold; 0 is off
	unstructured bool // as in [results.Accepted]
}

// Call calls a tool of the server. The arguments are repaired where the tool's
// input schema leaves no doubt, and checked against it before anything is sent.
// A call that was cut off is repeated once if the tool is declared read-only or
// idempotent.
func (v *View) Call(ctx context.Context, s *config.Server, r CallRequest) (CallResult, error) {
	t, err := v.target(s)
	if err != nil {
		return CallResult{}, err
	}
	tool, err := t.tool(ctx, r.Tool, r.found)
	if err != nil {
		return CallResult{}, err
	}
	args, notes, err := t.repair(tool, r.Arguments)
	if _, refused := errors.AsType[*ArgumentsError](err); refused && !t.listed.Load() {
		// The schema is of an earlier process and may be out of date.
		if tool, err = t.freshTool(ctx, r.Tool); err != nil {
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
	send := func(ctx context.Context, session *upstream.Session) (err error) {
		if session.Repeated() {
			result.Notes = append(result.Notes, "the connection broke and the call was repeated")
		}
		result.JSON, err = session.Call(ctx, upstream.Call{
			Tool: tool.Name, Arguments: args, Progress: r.Progress, Repeatable: tool.Repeatable(),
		})
		return err
	}
	if err := t.with(ctx, tool.Name, send); err != nil {
		return result, err
	}
	t.checkList()
	accepted, err := results.Accept(ctx, result.JSON)
	result.JSON, result.Notes, result.unstructured = accepted.JSON, append(result.Notes, accepted.Notes...), accepted.Unstructured
	if shape, ok := errors.AsType[*results.ShapeError](err); ok {
		err = &ResultError{shape.Problem}
	}
	if err != nil {
		return CallResult{Notes: result.Notes}, &ServerError{Server: t.Name, Tool: tool.Name, Err: err}
	}
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
	args, repairs, err := input.CoerceArguments(args)
	notes = append(notes, repairs...)
	if bad, ok := errors.AsType[*schema.ArgumentError](err); ok {
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
