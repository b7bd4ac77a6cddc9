package upstream

import (
	"context"
	"encoding/json"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// A Session is a live connection to an upstream: the SDK's session for what
// is rare, and raw bytes for lists and calls.
type Session struct {
	*mcp.ClientSession
}

// A Call is one tools/call request.
type Call struct {
	Tool      string
	Arguments json.RawMessage // an object, passed on byte for byte
	// Progress, if not nil, gets the params of each progress notification for
	// this call, in order and before the call returns. It must not block.
	Progress func(params json.RawMessage)
}

// Call sends the request and returns the result object as the upstream wrote
// it. A JSON-RPC error answer is a *jsonrpc.Error; other errors are
// *TimeoutError, *InterruptedError, *InputRequiredError or ctx's.
func (s *Session) Call(ctx context.Context, c Call) (json.RawMessage, error) {
	return nil, ErrClosed
}

// A ToolList is the answer to tools/list, all pages.
type ToolList struct {
	Tools []json.RawMessage // descriptors as the upstream sent them
	TTL   int64             // milliseconds for which the list is fresh; 0 unknown (MCP 2026-07-28)
}

// ListTools lists the upstream's tools afresh, all pages up to a bound.
func (s *Session) ListTools(ctx context.Context) (ToolList, error) {
	return ToolList{}, ErrClosed
}
