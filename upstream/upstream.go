package upstream

import (
	"context"
	"errors"
	"log/slog"
	"sync"
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
//
// Each attempt to connect, and the connection that comes of it, belongs to one
// goroutine, which [Upstream.Close] ends and waits for.
type Upstream struct {
	name string
	cfg  Config
	opts Options

	ctx    context.Context // ends with Close; attempts live on it
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu sync.Mutex // guards st
	st state
}

type state struct {
	closed  bool
	attempt *attempt    // the one under way
	conn    *connection // the one that new calls use
	calls   int         // in flight on conn
	last    error
	at      time.Time
	stage   string
}

// An attempt is one try to connect, shared by all who wait for it.
type attempt struct {
	done chan struct{}
	err  error // set before done is closed
}

// New returns an upstream that is not connected.
func New(name string, cfg Config, opts Options) *Upstream {
	if opts.Redact == nil {
		opts.Redact = func(s string) string { return s }
	}
	if opts.ToolsChanged == nil {
		opts.ToolsChanged = func() {}
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	u := &Upstream{name: name, cfg: cfg, opts: opts}
	u.ctx, u.cancel = context.WithCancel(context.Background())
	return u
}

// With lends fn a live session, connecting first if need be. ctx bounds the
// caller's wait and what fn does, never the connection itself. If fn's request
// never left, because the connection had died unseen, fn is called once more
// with a new one; so fn makes one request.
//
// Errors before fn runs: *StartError, *StartingError, *CoolingDownError,
// ErrClosed or ctx's. Errors of the authorization handler are in the chain
// of a *StartError.
func (u *Upstream) With(ctx context.Context, fn func(context.Context, *Session) error) error {
	for first := true; ; first = false {
		c, err := u.borrow(ctx)
		if err != nil {
			return err
		}
		err = u.use(ctx, c, fn)
		u.giveBack(c, err)
		if !first || !errors.Is(err, errNotSent) || ctx.Err() != nil {
			return err
		}
		u.retire(c)
	}
}

// borrow returns the live connection and counts a call on it.
func (u *Upstream) borrow(ctx context.Context) (*connection, error) {
	var timeout <-chan time.Time
	if u.cfg.WaitTimeout > 0 {
		t := time.NewTimer(time.Duration(u.cfg.WaitTimeout))
		defer t.Stop()
		timeout = t.C
	}
	for {
		c, a, err := u.connOrAttempt()
		if c != nil || err != nil {
			return c, err
		}
		select {
		case <-a.done:
			if a.err != nil {
				return nil, a.err
			}
		case <-timeout:
			return nil, &StartingError{Waited: time.Duration(u.cfg.WaitTimeout)}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (u *Upstream) connOrAttempt() (*connection, *attempt, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.st.closed:
		return nil, nil, ErrClosed
	case u.st.conn != nil:
		u.st.calls++
		return u.st.conn, nil, nil
	case u.st.attempt == nil:
		a := &attempt{done: make(chan struct{})}
		u.st.attempt = a
		u.wg.Go(func() { u.live(a) })
	}
	return nil, u.st.attempt, nil
}

func (u *Upstream) giveBack(c *connection, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.st.conn != c {
		return // retired meanwhile
	}
	u.st.calls--
	if isFault(err) {
		u.st.last, u.st.at, u.st.stage = err, time.Now(), StageCall
	} else if err == nil {
		u.st.last = nil
	}
	if u.st.calls == 0 {
		select {
		case c.idle <- struct{}{}:
		default:
		}
	}
}

// isFault reports whether err is the connection's, rather than the tool's,
// the caller's or the authorization's.
func isFault(err error) bool {
	return errors.As(err, new(*InterruptedError)) || errors.As(err, new(*StatusError)) || errors.Is(err, errNotSent)
}

// use runs fn until it returns; the end of the connection ends its ctx.
func (u *Upstream) use(ctx context.Context, c *connection, fn func(context.Context, *Session) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.ctx, func() { cancel(errEnded) })()
	err := fn(ctx, c.session)
	if errors.Is(context.Cause(ctx), errEnded) && errors.Is(err, context.Canceled) {
		err = &InterruptedError{Err: errEnded}
	}
	var i *InterruptedError
	if c.child != nil && errors.As(err, &i) && i.Exit == "" {
		i.Exit = c.child.exit(exitGrace)
		i.Stderr = c.child.tail.String()
	}
	return err
}

// live is the life of one connection: attempt, service, end.
func (u *Upstream) live(a *attempt) {
	ctx, cancel := u.ctx, context.CancelFunc(func() {})
	if u.cfg.StartTimeout > 0 {
		ctx, cancel = context.WithTimeoutCause(u.ctx, time.Duration(u.cfg.StartTimeout), &TimeoutError{After: time.Duration(u.cfg.StartTimeout)})
	}
	c, err := u.connect(ctx)
	cancel()
	u.mu.Lock()
	u.st.attempt, a.err = nil, err
	if err != nil {
		u.st.last, u.st.at, u.st.stage = err, time.Now(), StageHandshake
		if s := new(StartError); errors.As(err, &s) {
			u.st.stage = s.Stage
		}
	} else {
		u.st.conn, u.st.calls, u.st.last = c, 0, nil
	}
	u.mu.Unlock()
	close(a.done)
	if err == nil {
		u.serve(c)
	}
}

// serve waits for the connection's end, from whichever side, and clears it away.
func (u *Upstream) serve(c *connection) {
	died := make(chan error, 1)
	go func() { died <- c.session.Wait() }() // ends when the session is closed below
	idle := time.NewTimer(time.Hour)
	idle.Stop()
	defer idle.Stop()
	u.armIdle(c, idle)
	for {
		select {
		case <-c.idle:
			u.armIdle(c, idle)
			continue
		case <-idle.C:
			if !u.evict(c) {
				continue
			}
			u.opts.Log.Debug("closed: idle", "server", u.name)
		case err := <-died:
			u.opts.Log.Debug("connection ended", "server", u.name, "err", err)
			died <- err
		case <-c.stop:
		case <-u.ctx.Done():
		}
		break
	}
	u.retire(c)
	c.end()
	if c.mux != nil {
		c.mux.Close()
	}
	c.session.Close()
	<-died
	c.release()
}

func (u *Upstream) armIdle(c *connection, idle *time.Timer) {
	if u.cfg.IdleTTL > 0 {
		idle.Reset(time.Duration(u.cfg.IdleTTL))
	}
}

// evict takes an idle connection out of service; a busy one never.
func (u *Upstream) evict(c *connection) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.st.conn != c || u.st.calls > 0 {
		return false
	}
	u.st.conn = nil
	return true
}

// retire takes a connection out of service, so that the next call makes a new one.
func (u *Upstream) retire(c *connection) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.st.conn == c {
		u.st.conn = nil
		close(c.stop)
	}
}

// State returns what is known now, without I/O.
func (u *Upstream) State() State {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := State{Status: Idle, Last: u.st.last, At: u.st.at, Stage: u.st.stage}
	switch {
	case u.st.conn != nil:
		s.Status = Connected
	case u.st.attempt != nil:
		s.Status = Connecting
	case u.st.last != nil:
		s.Status = Failed
	}
	return s
}

// Close ends the connection, with the running calls, and waits for it.
func (u *Upstream) Close() {
	u.mu.Lock()
	u.st.closed = true
	u.mu.Unlock()
	u.cancel()
	u.wg.Wait()
}
