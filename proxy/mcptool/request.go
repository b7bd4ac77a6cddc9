package mcptool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"mcpproxy/catalog"
	"mcpproxy/upstream/raw"
)

// A Request is what a model asks of the tool, as [Parse] understood it. Its JSON
// is a request that the tool takes.
type Request struct {
	Action    Action          `json:"action"`
	Server    string          `json:"server,omitempty"`
	Tool      string          `json:"tool,omitempty"`
	Arguments json.RawMessage `json:"arguments,omitempty"`
	Query     string          `json:"query,omitempty"`
	Cursor    string          `json:"cursor,omitempty"`
	Limit     int             `json:"limit,omitempty"`
	Scope     string          `json:"scope,omitempty"` // scopes, separated by spaces

	RedirectURL string `json:"redirect_url,omitempty"`
	ResultID    string `json:"result_id,omitempty"`
	Offset      int64  `json:"offset,omitempty"`
	Grep        string `json:"grep,omitempty"`
	Select      string `json:"select,omitempty"`

	// Index is that of Server in [Directory.Servers], -1 if no server is named.
	Index int `json:"-"`
	// Found is the tool if no server was named and the tool led to it, else nil.
	Found *catalog.Tool `json:"-"`
	// Notes tell what was repaired, each in a few words.
	Notes []string `json:"-"`

	members members // what the steps of Parse still read
}

// Scopes returns the scopes of a login.
func (r *Request) Scopes() []string { return strings.Fields(r.Scope) }

func (r *Request) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// fail returns an error about one member of the request.
func (r *Request) fail(field, reason string) error {
	return &RequestError{Action: r.Action, Server: r.Server, Tool: r.Tool, ResultID: r.ResultID, Field: field, Reason: reason}
}

// Parse understands what a model sent, in steps: unwrap what is wrapped, find
// the action, read the fields, place server and tool, gather the arguments. It
// repairs and notes what can only mean one thing, and never guesses. It does not
// check the arguments of a call against the tool's input schema. What a model sent
// is valid JSON.
//
// An error is a *RequestError, *UnknownActionError, *UnknownServerError,
// *UnknownToolError or *AmbiguousError. The request then holds what was
// understood before it.
func Parse(arguments json.RawMessage, d Directory) (Request, error) {
	if p, ok := ReadPlain(arguments); ok {
		return p.Request(d)
	}
	return parseSteps(arguments, d)
}

func parseSteps(arguments json.RawMessage, d Directory) (Request, error) {
	r := Request{Index: -1}
	for _, step := range []func(*Request) error{
		func(r *Request) error { return r.unwrap(arguments) },
		(*Request).findAction,
		(*Request).readFields,
		func(r *Request) error { return r.place(d) },
		(*Request).checkFields,
		(*Request).gatherArguments,
	} {
		if err := step(&r); err != nil {
			return r, err
		}
	}
	return r, nil
}

// unwrap takes the request out of a JSON string and up to three wrappers.
func (r *Request) unwrap(arguments json.RawMessage) error {
	if arguments = bytes.TrimSpace(arguments); absent(arguments) {
		arguments = json.RawMessage("{}")
	}
	m, ok := object(arguments)
	if !ok {
		return r.fail("", "the arguments of mcp must be an object, not "+typeName(arguments))
	}
	for range 3 {
		inner, ok := m.inner()
		if !ok {
			break
		}
		r.note("the request was taken out of a repeated wrapper")
		m = inner
	}
	r.members = m
	return nil
}

// findAction reads the action, or infers it from the other members.
func (r *Request) findAction() (err error) {
	m := r.members
	switch {
	case !absent(m["action"]):
		r.Action, err = parseAction(m)
		return err
	case !absent(m["tool"]) && m.arguments() != nil:
		r.Action = Call
	case !absent(m["tool"]):
		// Both are likely, and a call cannot be undone.
		return r.fail("action", `is missing: "call" or "describe_tool"?`)
	case !absent(m["result_id"]):
		r.Action = ReadResult
	case !absent(m["query"]):
		r.Action = SearchTools
	case !absent(m["server"]):
		r.Action = ListTools
	default:
		return r.fail("action", "is missing")
	}
	r.note("action was missing and read as %s", raw.Quote(string(r.Action)))
	return nil
}
