package upstream

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/upstream/child"
)

// A connection lives from its handshake to its end. The goroutine that made it
// owns it, see [Upstream.live].
type connection struct {
	session *Session
	era     era
	sse     bool                // over HTTP with SSE
	version string              // that the upstream named, "" to ask for the newest
	child   *child.Process      // nil unless stdio
	mux     *mux                // nil for Streamable HTTP
	free    func()              // frees what the transport holds beside the session
	answer  func() captureState // to the last request of the handshake over HTTP
	slow    func() bool         // server/discover over HTTP was given up
	slot    *slot
	ctx     context.Context // ends with the connection
	end     context.CancelFunc

	// Signals to the owner, each buffered by one.
	stop    chan struct{} // end
	idle    chan struct{} // the last call in flight returned
	suspect chan struct{} // a call got no answer

	// Guarded by the upstream's mu.
	calls   int  // calls in flight
	retired bool // takes no new calls

	counted onceFlag // that its end was counted
}

func newConnection(ctx context.Context, e era) *connection {
	c := &connection{
		era:     e,
		free:    func() {},
		answer:  func() captureState { return captureState{} },
		slow:    func() bool { return false },
		stop:    make(chan struct{}, 1),
		idle:    make(chan struct{}, 1),
		suspect: make(chan struct{}, 1),
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

// countFlag returns the flag by which a call's fault counts once. What breaks a
// shared stream breaks all calls on it, while requests over HTTP fail one by
// one.
func (c *connection) countFlag() *onceFlag {
	if c.mux == nil {
		return new(onceFlag)
	}
	return &c.counted
}

// close ends the connection, and returns when nothing is left of it.
func (c *connection) close() {
	c.end()
	if c.mux != nil {
		c.mux.Close()
	}
	if c.session != nil {
		c.session.Close()
	}
	c.free()
	if c.mux != nil {
		c.mux.wait()
	}
}

// outcome returns how the child ended, if it has by itself, and what it said
// last. What ends because we close its stdin has no exit status.
func (c *connection) outcome() child.Outcome {
	o := c.child.Outcome()
	if c.mux == nil || !c.mux.diedFirst() {
		o.ExitStatus = ""
	}
	return o
}

// pingWait bounds the answer to a ping.
const pingWait = 10 * time.Second

// answers reports whether the upstream still answers anything at all.
func (c *connection) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, pingWait)
	defer cancel()
	switch {
	case c.mux != nil: // any answer will do, also an error
		_, err := c.mux.send(ctx, rawRequest{method: "ping", meta: c.session.meta, progress: func(json.RawMessage) {}})
		return err == nil || isA[*jsonrpc.Error](err)
	case c.era == legacy:
		c.session.Ping(ctx, nil)
	}
	return !errors.Is(ctx.Err(), context.DeadlineExceeded)
}

// An era is a generation of the protocol. It decides how a session begins.
type era int

const (
	unknown era = iota // ask with server/discover, and fall back to initialize
	legacy             // up to 2025-11-25: initialize
	modern             // from 2026-07-28: server/discover
)

// probeWait bounds the answer to server/discover of an upstream of unknown era:
// many old servers never answer a request that they do not know.
const probeWait = 3 * time.Second

// connect makes a connection. Its errors are *StartError.
func (u *Upstream) connect(ctx context.Context) (*connection, error) {
	u.mu.Lock()
	e, sse, version := u.st.era, u.st.sse, u.st.version
	u.st.era, u.st.sse, u.st.version = unknown, false, "" // until this start succeeds
	u.mu.Unlock()
	sse = sse || u.cfg.Type == SSE
	c, err := u.connectAs(ctx, e, sse, version)
	if err != nil && !sse && ctx.Err() == nil && u.mayBeSSE(err) {
		// What the first try met is told, unless the second works.
		if old, noSSE := u.connectAs(ctx, legacy, true, ""); noSSE == nil {
			return old, nil
		}
	}
	return c, err
}

// connectAs connects by one transport, and asks for that version first.
func (u *Upstream) connectAs(ctx context.Context, e era, sse bool, version string) (*connection, error) {
	if sse {
		e = legacy
	}
	u.mu.Lock()
	upset := u.st.upset
	u.mu.Unlock()
	c, err := u.greet(ctx, e, sse, version)
	if err == nil && e == unknown {
		upset = c.mux != nil && c.mux.silent()
	}
	if err != nil && ctx.Err() == nil {
		next := unknown
		switch version = namedVersion(err, c.version); {
		case version != "":
			next = legacy
		case e == unknown && u.mayBeOld(err):
			next, upset = legacy, true
			if c.mux != nil && c.mux.answeredLate() || c.slow() && refusesInitialize(err) {
				next, upset = modern, false
			}
		case e == legacy && !sse && isA[*jsonrpc.Error](err): // it may be a newer one by now
			upset = false
		default:
			return nil, err
		}
		slow, first := c.slow(), err
		c, err = u.greet(ctx, next, sse, version)
		if slow && next == legacy && refusesInitialize(err) {
			next, upset, first = modern, false, err
			c, err = u.greet(ctx, next, sse, "")
		}
		if next == modern && err != nil && ctx.Err() != nil {
			err = first // the only answer that there was
		}
	}
	if err != nil {
		return nil, err
	}
	c.session.initializeFirst = upset
	u.mu.Lock()
	u.st.upset = upset
	u.mu.Unlock()
	return c, nil
}

// greet makes a connection on which a session is begun as that era does it. With
// an error it is closed.
func (u *Upstream) greet(ctx context.Context, e era, sse bool, version string) (*connection, error) {
	c := newConnection(ctx, e)
	c.version, c.sse = version, sse
	return c, u.handshake(ctx, c)
}

// refusesInitialize reports whether a handshake failed because of an answer that
// servers give which know no initialize.
func refusesInitialize(err error) bool {
	return isA[*jsonrpc.Error](err) || isUnsuited(err)
}

// isUnsuited reports whether an HTTP status says that a request is not one for
// this URL.
func isUnsuited(err error) bool {
	status, ok := errors.AsType[*StatusError](err)
	return ok && (status.Code == http.StatusBadRequest || status.Code == http.StatusNotFound || status.Code == http.StatusMethodNotAllowed)
}

// mayBeSSE reports whether a handshake over HTTP may have failed because the
// URL is one of HTTP with SSE (MCP 2025-11-25, basic/transports, backwards
// compatibility).
func (u *Upstream) mayBeSSE(err error) bool {
	return u.cfg.Guessed && u.opts.Authorize == nil && isUnsuited(err)
}

// mayBeOld reports whether a handshake may have failed because of its first
// request, on which old servers die or break the session.
func (u *Upstream) mayBeOld(err error) bool {
	start, ok := errors.AsType[*StartError](err)
	if !ok || start.Stage != StageHandshake || u.opts.NotFault(err) || isA[*OriginError](err) || isA[*RedirectError](err) {
		return false
	}
	status, ok := errors.AsType[*StatusError](err)
	return !ok || status.Code != http.StatusUnauthorized && status.Code != http.StatusForbidden
}

// handshake begins a session on c and sets the era of c.
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
		// Only what is relayed is declared, which is nothing.
		Capabilities:   &mcp.ClientCapabilities{},
		MultiRoundTrip: &mcp.MultiRoundTripOptions{Disabled: true},
		Logger:         slog.New(slog.DiscardHandler),
		ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) {
			u.opts.ToolsChanged()
		},
	})
	var opts mcp.ClientSessionOptions
	if c.era == legacy {
		opts.ProtocolVersion = cmp.Or(c.version, lastLegacy)
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

// transport returns the transport to the upstream. For stdio it starts the child.
func (u *Upstream) transport(c *connection) (mcp.Transport, error) {
	if u.cfg.Type == Stdio {
		u.mu.Lock()
		u.st.strayLines = nil
		u.mu.Unlock()
		p, err := child.Start(u.cfg.Config, u.pool.guard, u.opts.Redact, u.hearStderr())
		if err != nil {
			return nil, err
		}
		c.child = p
		u.mu.Lock()
		u.st.starting = p
		u.mu.Unlock()
		c.free = func() { p.Stop(u.ctx.Done(), u.opts.Kill.Done()) }
		return muxed{connected{newLineConn(p.Stdin, p.Stdout, u.strayLine)}, c}, nil
	}
	cfg := u.cfg
	if c.sse {
		cfg.Type = SSE
	}
	t, err := newTapTransport(c.ctx, cfg, c.era == unknown, u.opts.Redact)
	if err != nil {
		return nil, err
	}
	c.free = t.base.CloseIdleConnections
	c.answer, c.slow = t.lastAnswer, t.slow.Load
	client := &http.Client{Transport: t, CheckRedirect: t.checkRedirect}
	if c.sse {
		return muxed{sseTransport{url: u.cfg.URL, client: client, redact: u.opts.Redact}, c}, nil
	}
	if u.opts.Authorize != nil {
		t.auth = &connAuth{OAuthHandler: u.opts.Authorize, ctx: c.ctx}
	}
	return &mcp.StreamableClientTransport{Endpoint: u.cfg.URL, HTTPClient: client, OAuthHandler: t.auth}, nil
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

// connected is the transport of a connection that exists already.
type connected struct{ conn mcp.Connection }

func (t connected) Connect(context.Context) (mcp.Connection, error) { return t.conn, nil }

// muxed puts a mux on the connections of another transport.
type muxed struct {
	mcp.Transport
	c *connection
}

// Connect connects on the ctx of the connection, not the handshake's, which a
// stream that is opened here must outlive.
func (t muxed) Connect(ctx context.Context) (mcp.Connection, error) {
	stop := context.AfterFunc(ctx, t.c.end)
	defer stop()
	conn, err := t.Transport.Connect(t.c.ctx)
	if err != nil {
		return nil, err
	}
	t.c.mux = newMux(t.c.ctx, conn, t.c.child)
	if t.c.era == unknown {
		t.c.mux.probe = probeWait
	}
	return t.c.mux, nil
}
