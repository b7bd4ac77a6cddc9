package mcptool

import (
	"fmt"
	"slices"
	"strings"

	"mcpproxy/catalog/names"
)

// A RequestError says that a member of a request is missing or wrong.
type RequestError struct {
	Action                 Action
	Server, Tool, ResultID string // empty where they are not known

	Field  string // the member at fault; empty if it is the request as a whole
	Reason string // follows Field in the error's text
}

func (e *RequestError) Error() string {
	if e.Field == "" {
		return e.Reason
	}
	return e.Field + " " + e.Reason
}

// OfArguments reports whether the fault is in the arguments of a call, and not
// in another member of the request.
func (e *RequestError) OfArguments() bool {
	return e.Action == Call && slices.Contains(argumentKeys, e.Field)
}

// An UnknownActionError says that the tool has no such action.
type UnknownActionError struct {
	Action string
	Near   []string // the most similar actions, best first
}

func (e *UnknownActionError) Error() string { return fmt.Sprintf("no action %q", e.Action) }

// An UnknownServerError says that no server of that name is configured.
type UnknownServerError struct {
	Server string
	Near   []string // the most similar names, best first
}

// NewUnknownServerError returns the error for a server that is not one of
// servers.
func NewUnknownServerError(server string, servers []string) *UnknownServerError {
	return &UnknownServerError{Server: server, Near: names.Nearest(server, servers, 3)}
}

func (e *UnknownServerError) Error() string { return fmt.Sprintf("no server %q", e.Server) }

// An UnknownToolError says that a server offers no tool of that name. If a
// server is named, its tools were listed afresh.
type UnknownToolError struct {
	Server string // empty if no server was named
	Tool   string
	Near   []string // the most similar names, best first
	// Partial says that the server may have the tool, because only a part of its
	// list came.
	Partial bool
}

func (e *UnknownToolError) Error() string {
	switch {
	case e.Server == "":
		return fmt.Sprintf("no known tool %q on any server", e.Tool)
	case e.Partial:
		return fmt.Sprintf("%s has no tool %q among those that came; the rest of its list could not be read", e.Server, e.Tool)
	}
	return fmt.Sprintf("%s has no tool %q", e.Server, e.Tool)
}

// A Kind says what an ambiguous name may be the name of.
type Kind string

const (
	AmbiguousServer Kind = "server"
	AmbiguousTool   Kind = "tool"
)

// An AmbiguousError says that a name may mean several servers or tools.
type AmbiguousError struct {
	Kind  Kind
	Name  string
	Could []string // the servers, or the tools as server/tool
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%s %q could be %s", e.Kind, e.Name, strings.Join(e.Could, " or "))
}
