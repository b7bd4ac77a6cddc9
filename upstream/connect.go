package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/upstream/child"
)

// A connection is one life of an upstream, from handshake to death. The
// goroutine that made it owns it, see [Upstream.live].
type connection struct {
	session *Session
	era     era
	child   *child.Process // nil unless stdio
	mux     *mux           // nil for Streamable HTTP
	release func()         // frees what the transport holds beside the session
	status  func() int     // of the last HTTP response, 0 without one
	seat    *seat
	ctx     context.Context // ends with the connection
	end     context.CancelFunc

	// Signals to the owner, each buffered by one.
	stop  chan struct{} // end
	idle  chan struct{} // the last call in flight returned
	doubt chan struct{} // a call got no answer

	// Guarded by the upstream's mu.
	lent    int  // calls in flight
	retired bool // takes no new calls

	died claim // its death was counted
}

func newConnection(ctx context.Context, e era) *connection {
	c := &connection{
		era:     e,
		release: func() {},
		status:  func() int { return 0 },
		stop:    make(chan struct{}, 1),
		idle:    make(chan struct{}, 1),
		doubt:   make(chan struct{}, 1),
	}
	c.ctx, c.end = context.WithCancel(context.WithoutCancel(ctx))
	return c
}

func (c *connection) wake(signal chan struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}

// fault returns the claim to have a call's fault counted. What breaks on a
// shared stream breaks for all calls on it; requests over HTTP fail each on
// their own.
func (c *connection) fault() *claim {
	if c.mux == nil {
		return new(claim)
	}
	return &c.died
}

// close ends the connection and waits until nothing is left of it.
func (c *connection) close() {
	c.end()
	if c.mux != nil {
		c.mux.Close()
	}
	if c.session != nil {
		c.session.Close()
	}
	c.release()
	if c.mux != nil {
		c.mux.wait()
	}
}

// pingWait bounds the answer to a ping.
const pingWait = 10 * time.Second

// answers reports whether the upstream still answers anything at all.
func (c *connection) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, pingWait)
	defer cancel()
	switch {
	case c.mux != nil: // any answer will do, also that there is no such method
		c.mux.send(ctx, rawRequest{method: "ping", meta: c.session.meta, progress: func(json.RawMessage) {}})
	case c.era == legacy:
		c.session.Ping(ctx, nil)
	}
	return !errors.Is(ctx.Err(), context.DeadlineExceeded)
}

// An era is a generation of the protocol, which decides how a session begins.
type era int

const (
	unknown era = iota // ask with server/discover, and fall back to initialize
	legacy             // up to 2025-11-25: initialize
	modern             // from 2026-07-28: server/discover
)

// probeWait bounds the answer to server/discover where it is not known whether
// the upstream knows that request: many old servers never answer one that they
// do not know.
const probeWait = 3 * time.Second

// connect makes a connection. Its errors are *StartError.
func (u *Upstream) connect(ctx context.Context) (*connection, error) {
	u.mu.Lock()
	e := u.st.era
	u.st.era = unknown // until this start succeeds
	u.mu.Unlock()
	if u.cfg.Type == SSE {
		e = legacy
	}
	c := newConnection(ctx, e)
	err := u.handshake(ctx, c)
	if err != nil && e == unknown && ctx.Err() == nil && u.mayBeOld(err) {
		e = legacy
		if c.mux != nil && c.mux.answeredLate() {
			e = modern
		}
		c = newConnection(ctx, e)
		err = u.handshake(ctx, c)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// mayBeOld reports whether a failed handshake may be due to its first request,
// on which old servers die or break the session, so that another connection
// may do without it.
func (u *Upstream) mayBeOld(err error) bool {
	var start *StartError
	var status *StatusError
	return errors.As(err, &start) && start.Stage == StageHandshake && !u.opts.NotFault(err) &&
		!errors.As(err, new(*OriginError)) &&
		!(errors.As(err, &status) && (status.Code == http.StatusUnauthorized || status.Code == http.StatusForbidden))
}

// handshake begins a session on c, whose era it finds out.
func (u *Upstream) handshake(ctx context.Context, c *connection) error {
	transport, err := u.dial(c)
	if err != nil {
		stage := StageDial
		if u.cfg.Type == Stdio {
			stage = StageSpawn
		}
		c.end()
		return &StartError{Stage: stage, Err: err, At: time.Now()}
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
	var opts mcp.ClientSessionOptions
	if c.era == legacy {
		opts.ProtocolVersion = lastLegacy
	}
	cs, err := client.Connect(ctx, transport, &opts)
	if err != nil {
		return u.startError(ctx, c, err)
	}
	c.session = &Session{ClientSession: cs, sender: c.mux, limits: u.cfg.Limits}
	if c.mux == nil {
		c.session.sender = &httpSender{session: cs}
	}
	c.era = legacy
	if v := cs.InitializeResult().ProtocolVersion; v >= firstModern {
		c.era = modern
		c.session.meta = requestMeta(v, u.opts.Client)
	}
	return nil
}

// transport prepares the way to the upstream; for stdio it starts the child.
func (u *Upstream) transport(c *connection) (mcp.Transport, error) {
	if u.cfg.Type == Stdio {
		u.mu.Lock()
		u.st.noise = nil
		u.mu.Unlock()
		p, err := child.Start(u.cfg.Config, u.pool.guard, u.stderrLine)
		if err != nil {
			return nil, err
		}
		c.child = p
		c.release = p.Stop
		return muxed{connected{newLineConn(p.Stdin, p.Stdout, u.garbage)}, c}, nil
	}
	t, err := newTapTransport(u.cfg, c.era == unknown)
	if err != nil {
		return nil, err
	}
	c.release = t.base.CloseIdleConnections
	c.status = t.lastStatus
	client := &http.Client{Transport: t, CheckRedirect: t.checkRedirect}
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
	_, err = answered(err)
	e := &StartError{Stage: StageHandshake, Err: err, At: time.Now()}
	// The fact alone: around it the SDK tells how it came upon it.
	var dial *DialError
	var origin *OriginError
	switch {
	case errors.As(err, &dial):
		e.Stage, e.Err = StageDial, dial
	case errors.As(err, &origin):
		e.Err = origin
	case c.child != nil && (errors.Is(err, io.EOF) || errors.Is(err, mcp.ErrConnectionClosed)):
		e.Err = errNoAnswer
	}
	if code := c.status(); code >= 400 {
		e.Err = &StatusError{Code: code, Err: err}
	}
	if c.child != nil {
		o := c.child.Outcome()
		e.ExitStatus, e.Stderr = o.ExitStatus, o.Stderr
		e.FirstLine = u.said()
	}
	if cause := context.Cause(ctx); cause != nil {
		e.Err, e.ExitStatus = cause, "" // a child that ended by now did so because of us
	}
	c.close()
	return e
}

func (u *Upstream) stderrLine(line string) string {
	line = u.opts.Redact(line)
	u.opts.Log.Debug("stderr", "server", u.name, "line", line)
	return line
}

// Bounds of what is kept and logged of a child's lines that are no messages.
const (
	maxNoise     = 5   // lines
	maxNoiseLine = 500 // bytes of one line
)

func (u *Upstream) garbage(line []byte) {
	text := u.opts.Redact(string(line[:min(len(line), maxNoiseLine)]))
	u.mu.Lock()
	u.st.noise = append(u.st.noise, text)[:min(len(u.st.noise)+1, maxNoise)]
	known := len(u.st.noise) == maxNoise
	u.mu.Unlock()
	if !known {
		u.opts.Log.Warn("not a JSON-RPC message on stdout", "server", u.name, "line", text)
	}
}

// said returns the first line of the child that was no message, if any.
func (u *Upstream) said() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.st.noise) == 0 {
		return ""
	}
	return u.st.noise[0]
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

// Connect lets the connection live on the ctx of its owner: a stream that is
// opened here must outlive the handshake.
func (t muxed) Connect(ctx context.Context) (mcp.Connection, error) {
	stop := context.AfterFunc(ctx, t.c.end)
	defer stop()
	conn, err := t.Transport.Connect(t.c.ctx)
	if err != nil {
		return nil, err
	}
	t.c.mux = newMux(t.c.ctx, conn)
	if t.c.era == unknown {
		t.c.mux.probe = probeWait
	}
	return t.c.mux, nil
}
