package upstream

import (
	"context"
	"log/slog"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// A Status is a word for the state of an upstream's connection.
type Status string

const (
	Idle        Status = "idle" // ready; connects at the first call
	Connecting  Status = "connecting"
	Connected   Status = "connected"
	Failed      Status = "failed" // the last start failed
	CoolingDown Status = "cooling_down"
)

// A State is a snapshot of an upstream's connection.
type State struct {
	Status Status
	Last   error     // the last failure, a *StartError or a fault of the connection; nil after a success
	At     time.Time // when Last happened
	Stage  string    // of Last
}

// Options are what an upstream needs from its owner.
type Options struct {
	Client *mcp.Implementation // how we introduce ourselves
	// Authorize is asked for a token before each HTTP request and told of each
	// 401 and 403. Nil: no authorization.
	Authorize auth.OAuthHandler
	Log       *slog.Logger
	// Redact is applied to each line of a child's stderr before it is kept or
	// logged.
	Redact func(string) string
	// ToolsChanged is called, from a goroutine of the connection, when the
	// upstream says that its tools changed. It must not block.
	ToolsChanged func()
}

// An Upstream is one configured server behind the proxy. It connects when it
// is first needed. It is safe for concurrent use.
type Upstream struct {
	name string
	cfg  Config
	opts Options
}

// New returns an upstream that is not connected.
func New(name string, cfg Config, opts Options) *Upstream {
	return &Upstream{name: name, cfg: cfg, opts: opts}
}

// With lends fn a live session, connecting first if need be. ctx bounds the
// caller's wait and what fn does, never the connection itself.
//
// Errors before fn runs: *StartError, *StartingError, *CoolingDownError,
// ErrClosed or ctx's. Errors of the authorization handler are in the chain
// of a *StartError.
func (u *Upstream) With(ctx context.Context, fn func(context.Context, *Session) error) error {
	return ErrClosed
}

// State returns what is known now, without I/O.
func (u *Upstream) State() State { return State{Status: Idle} }

// Close ends the connection, with the running calls, and waits for it.
func (u *Upstream) Close() {}
