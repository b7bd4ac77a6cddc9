package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// An inMemory is an upstream in this process, so that a test can run on fake
// time.
type inMemory struct {
	*Upstream
	starts atomic.Int32
	broken atomic.Pointer[error] // what a start fails with
	conns  chan *connection      // each connection made
	wrap   func(mcp.Transport) mcp.Transport

	toolName string
	tool     mcp.ToolHandlerFor[any, any]
}

// addTool adds a tool to the upstream before it is connected.
func (f *inMemory) addTool(name string, do func(context.Context, *mcp.CallToolRequest)) {
	f.toolName = name
	f.tool = func(ctx context.Context, r *mcp.CallToolRequest, _ any) (*mcp.CallToolResult, any, error) {
		do(ctx, r)
		return &mcp.CallToolResult{}, nil, nil
	}
}

var errDown = errors.New("down")

func newInMemory(t *testing.T, cfg Config, opts Options) *inMemory {
	t.Helper()
	cfg.Limits = cfg.Limits.Or(DefaultLimits)
	cfg.Type = SSE // with a mux and without a child
	opts.Client = &mcp.Implementation{Name: "proxy"}
	f := &inMemory{Upstream: New("memory", cfg, opts), conns: make(chan *connection, 100)}
	f.dial = func(c *connection) (mcp.Transport, error) {
		f.starts.Add(1)
		if err := f.broken.Load(); err != nil {
			return nil, *err
		}
		ours, theirs := mcp.NewInMemoryTransports()
		server := testServer()
		if f.tool != nil {
			mcp.AddTool(server, &mcp.Tool{Name: f.toolName}, f.tool)
		}
		if _, err := server.Connect(t.Context(), theirs, nil); err != nil {
			return nil, err
		}
		f.conns <- c
		if f.wrap != nil {
			return muxed{f.wrap(ours), c}, nil
		}
		return muxed{ours, c}, nil
	}
	t.Cleanup(f.Close)
	return f
}

func (f *inMemory) fail(err error) { f.broken.Store(&err) }
func (f *inMemory) heal()          { f.broken.Store(nil) }

func (f *inMemory) echo(ctx context.Context) error {
	return f.With(ctx, func(ctx context.Context, s *Session) error {
		_, err := s.Call(ctx, Call{Tool: "echo", Arguments: json.RawMessage(`{"text":"x"}`)})
		return err
	})
}
