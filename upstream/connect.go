package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// A connection is one life of an upstream, from handshake to death. The
// goroutine that made it owns it, see [Upstream.live].
type connection struct {
	session *Session
	child   *child          // nil unless stdio
	mux     *mux            // nil for Streamable HTTP
	release func()          // frees what the transport holds beside the session
	ctx     context.Context // ends with the connection
	end     context.CancelFunc
	stop    chan struct{} // closed to ask for the end
	idle    chan struct{} // buffered by one: the last call in flight returned
}

// connect makes a connection. Its errors are *StartError.
func (u *Upstream) connect(ctx context.Context) (*connection, error) {
	c := &connection{
		stop:    make(chan struct{}),
		idle:    make(chan struct{}, 1),
		release: func() {},
	}
	c.ctx, c.end = context.WithCancel(context.WithoutCancel(ctx))
	transport, err := u.transport(c)
	if err != nil {
		stage := StageDial
		if u.cfg.Type == Stdio {
			stage = StageSpawn
		}
		return nil, &StartError{Stage: stage, Err: err, At: time.Now()}
	}
	client := mcp.NewClient(u.opts.Client, &mcp.ClientOptions{
		// Nothing is declared that is not relayed.
		Capabilities:   &mcp.ClientCapabilities{},
		MultiRoundTrip: &mcp.MultiRoundTripOptions{Disabled: true},
		Logger:         slog.New(slog.DiscardHandler),
		ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) {
			u.opts.ToolsChanged()
		},
	})
	cs, err := client.Connect(ctx, transport, nil)
	if err != nil {
		return nil, u.startError(ctx, c, err)
	}
	c.session = &Session{ClientSession: cs, raw: c.mux, limits: u.cfg.Limits}
	if c.mux == nil {
		c.session.raw = &httpSender{session: cs}
	}
	if res := cs.InitializeResult(); res.ProtocolVersion >= modern {
		c.session.meta = requestMeta(res.ProtocolVersion, u.opts.Client)
	}
	return c, nil
}

// transport prepares the way to the upstream; for stdio it starts the child.
func (u *Upstream) transport(c *connection) (mcp.Transport, error) {
	if u.cfg.Type == Stdio {
		child, err := startChild(u.cfg, u.stderrLine)
		if err != nil {
			return nil, err
		}
		c.child = child
		c.mux = &mux{Connection: newLineConn(child.stdin, child.stdout, u.garbage)}
		c.release = child.stop
		return connected{c.mux}, nil
	}
	client, closeIdle, err := newHTTPClient(u.cfg)
	if err != nil {
		return nil, err
	}
	c.release = closeIdle
	if u.cfg.Type == SSE {
		return muxed{&mcp.SSEClientTransport{Endpoint: u.cfg.URL, HTTPClient: client}, c}, nil
	}
	return &mcp.StreamableClientTransport{
		Endpoint: u.cfg.URL, HTTPClient: client, OAuthHandler: u.opts.Authorize,
	}, nil
}

// startError gathers what a person needs to know about a failed handshake and
// clears away what it left.
func (u *Upstream) startError(ctx context.Context, c *connection, err error) error {
	e := &StartError{Stage: StageHandshake, Err: err, At: time.Now()}
	if errors.As(err, new(*DialError)) {
		e.Stage = StageDial
	}
	if cause := context.Cause(ctx); cause != nil {
		e.Err = cause
	}
	if c.child != nil {
		e.Exit = c.child.exit(exitGrace)
		c.mux.Close()
		c.release()
		e.Stderr = c.child.tail.String()
		return e
	}
	c.release()
	return e
}

// exitGrace is how long the exit status of a child may come after its end of
// output.
const exitGrace = 250 * time.Millisecond

func (u *Upstream) stderrLine(line string) string {
	line = u.opts.Redact(line)
	u.opts.Log.Debug("stderr", "server", u.name, "line", line)
	return line
}

func (u *Upstream) garbage(line []byte) {
	u.opts.Log.Warn("not a JSON-RPC message on stdout", "server", u.name,
		"line", u.opts.Redact(string(line[:min(len(line), tailLineLen)])))
}

// requestMeta writes the members of _meta that a request of 2026-07-28 must
// carry (basic, per-request metadata).
func requestMeta(version string, client *mcp.Implementation) json.RawMessage {
	b, err := json.Marshal(map[string]any{
		mcp.MetaKeyProtocolVersion:    version,
		mcp.MetaKeyClientInfo:         client,
		mcp.MetaKeyClientCapabilities: struct{}{},
	})
	if err != nil {
		return nil
	}
	return b[1 : len(b)-1]
}

// connected is a transport whose connection exists already.
type connected struct{ conn mcp.Connection }

func (t connected) Connect(context.Context) (mcp.Connection, error) { return t.conn, nil }

// muxed puts a mux on the connection of another transport.
type muxed struct {
	mcp.Transport
	c *connection
}

func (t muxed) Connect(ctx context.Context) (mcp.Connection, error) {
	conn, err := t.Transport.Connect(ctx)
	if err != nil {
		return nil, err
	}
	t.c.mux = &mux{Connection: conn}
	return t.c.mux, nil
}
