package mcptool

import (
	"fmt"
	"slices"
	"strings"

	"mcpproxy/catalog/names"
)

// A RequestError says that a request cannot be read.
type RequestError struct {
	Action                 Action
	Server, Tool, ResultID string // as far as they are known

	Field  string // the member at fault, may be empty
	Reason string
}

func (e *RequestError) Error() string {
	if e.Field == "" {
		return e.Reason
	}
	return e.Field + " " + e.Reason
}

// OfArguments reports whether the arguments of a call are at fault, not the
// request around them.
func (e *RequestError) OfArguments() bool {
	return e.Action == Call && slices.Contains(argumentKeys, e.Field)
}

// An UnknownActionError says that the tool has no such action.
type UnknownActionError struct {
	Action string
	Near   []string // the actions most like it, best first
}

func (e *UnknownActionError) Error() string { return fmt.Sprintf("no action %q", e.Action) }

// An UnknownServerError says that no server of that name is configured.
type UnknownServerError struct {
	Server string
	Near   []string // the names most like it, best first
}

// NewUnknownServerError names the servers that are most like the one that is
// not among them.
func NewUnknownServerError(server string, servers []string) *UnknownServerError {
	return &UnknownServerError{Server: server, Near: names.Nearest(server, servers, 3)}
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

// A Kind is what an ambiguous name is of.
type Kind string

const (
	AmbiguousServer Kind = "server"
	AmbiguousTool   Kind = "tool"
)

// An AmbiguousError says that a name could mean more than one thing.
type AmbiguousError struct {
	Kind  Kind
	Name  string
	Could []string // what it could mean: servers, or tools as server/tool
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%s %q could be %s", e.Kind, e.Name, strings.Join(e.Could, " or "))
}
