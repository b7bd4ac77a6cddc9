package proxy

import (
	"fmt"
	"strings"

	"mcpproxy/catalog/schema"
)

// A ServerError says which server an error came from. Every error of reaching
// or calling an upstream is in one.
type ServerError struct {
	Server string
	Tool   string // that was called, if one was
	Err    error
}

func (e *ServerError) Error() string { return e.Server + ": " + e.Err.Error() }
func (e *ServerError) Unwrap() error { return e.Err }

// An UnknownServerError says that no server of that name is configured.
type UnknownServerError struct {
	Server string
	Near   []string // the names most like it, best first
}

func (e *UnknownServerError) Error() string { return fmt.Sprintf("no server %q", e.Server) }

// An UnknownToolError says that a server offers no tool of that name, not
// even after a fresh list.
type UnknownToolError struct {
	Server string // empty if no server was named
	Tool   string
	Near   []string // the names most like it, best first
}

func (e *UnknownToolError) Error() string {
	if e.Server == "" {
		return fmt.Sprintf("no known tool %q on any server", e.Tool)
	}
	return fmt.Sprintf("%s has no tool %q", e.Server, e.Tool)
}

// An AmbiguousError says that a name could mean more than one thing.
type AmbiguousError struct {
	Kind  string // "server" or "tool"
	Name  string
	Could []string // what it could mean: servers, or tools as server/tool
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%s %q could be %s", e.Kind, e.Name, strings.Join(e.Could, " or "))
}

// A BlockedError says that the server's tool_filter keeps the tool away.
type BlockedError struct{ Server, Tool string }

func (e *BlockedError) Error() string {
	return fmt.Sprintf("tool %q of %s is blocked by its tool_filter", e.Tool, e.Server)
}

// An ArgumentsError says that the arguments break the tool's input schema, so
// that nothing was sent.
type ArgumentsError struct {
	Server, Tool string
	Signature    string // the tool's, compact
	Err          *schema.ArgumentError
}

func (e *ArgumentsError) Error() string { return e.Err.Error() }
func (e *ArgumentsError) Unwrap() error { return e.Err }

// A RequestError says that a request to the mcp tool cannot be read.
type RequestError struct {
	Action, Server, Tool, ResultID string // as far as they are known

	Field  string // the member at fault, may be empty
	Reason string
}

func (e *RequestError) Error() string {
	if e.Field == "" {
		return e.Reason
	}
	return e.Field + " " + e.Reason
}

// An UnknownActionError says that the mcp tool has no such action.
type UnknownActionError struct {
	Action string
	Near   []string
}

func (e *UnknownActionError) Error() string { return fmt.Sprintf("no action %q", e.Action) }
