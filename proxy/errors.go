package proxy

import (
	"fmt"

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

// A ResultError says that a tool has run, but that its result is none that a host
// can read.
type ResultError struct{ Problem string }

func (e *ResultError) Error() string { return "the tool has run, but " + e.Problem }

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
