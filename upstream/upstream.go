package upstream

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/upstream/child"
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
	// Last is the last failure, nil after a success: a *StartError, or a fault
	// of the connection such as an *InterruptedError.
	Last  error
	Stage Stage     // of Last
	At    time.Time // when Last happened
	// Retry is when the next start may be tried. Until then callers get Last at
	// once. Zero if a start may be tried now.
	Retry   time.Time
	Breaker Breaker
	Stderr  string // while Connecting: what the child has said last, redacted
}

// Options are what an upstream needs from its owner.
type Options struct {
	Client *mcp.Implementation // the name and version that the upstream is told
	// Pool is shared with the other upstreams of the process. Nil: one of its own.
	Pool    *Pool
	Breaker BreakerConfig
	// Authorize is asked for a token before each HTTP request and told of each
	// 401 and 403. Nil: no authorization.
	Authorize auth.OAuthHandler
	// NotFault reports errors that neither delay the next start nor count for
	// the breaker, such as an authorization that is missing. Nil: none.
	NotFault func(error) bool
	Log      *slog.Logger
	// Redact is applied to what a child wrote before it is cut, logged or given
	// out: to one line or to several.
	Redact func(string) string
	// InitializeFirst says that the upstream, when it was last connected, was
	// upset by a request before initialize or did not answer one. It is not asked
	// for its era then, unless it refuses to begin.
	InitializeFirst bool
	// Kill, when it ends, cuts short the wait for what was asked to end: a child
	// is killed. Nil: never.
	Kill context.Context
	// Stderr, if not nil, is called with each line that a child writes to stderr,
	// redacted, from a goroutine of the child. It must not block.
	Stderr func(line string)
	// ToolsChanged is called from a goroutine of the connection when the
	// upstream says that its tools changed. It must not block.
	ToolsChanged func()
	// Failed is called with each new failure, from the goroutine that met it.
	// It must not block.
	Failed func(State)
}

// An Upstream is one configured server behind the proxy. It connects when it
// is first needed. It is safe for concurrent use.
//
// Each attempt to connect, and the connection that comes of it, belongs to one
// goroutine, which [Upstream.Close] ends and waits for.
type Upstream struct {
	name  string
	cfg   Config
	opts  Options
	pool  *Pool
	owned *Pool // pool, if no other upstream shares it

	// dial is [Upstream.transport], but in tests.
	dial func(*connection) (mcp.Transport, error)

	ctx    context.Context // ends with Close; attempts live on it
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu sync.Mutex
	st state
}

type state struct {
	closed   bool           // no new calls are taken
	users    int            // calls of With and Connect in progress
	drained  chan struct{}  // set by Drain, closed when users is 0
	attempt  *attempt       // the one in progress
	starting *child.Process // of the attempt, nil unless stdio
	conn     *connection    // the one that new calls use
	era      era            // what the last handshake found
	sse      bool           // likewise, where the transport is guessed
	breaker  *breaker
	version  string // of the protocol, where the upstream had to name one
	upset    bool   // begin with initialize, see Options

	failure    failure
	strayLines []string    // the first lines of the newest child that were no messages
	failed     int         // starts that failed in a row
	retry      time.Time   // no start before it, but by Connect
	refusal    *StartError // what callers get until retry
}

// A failure is what went wrong last.
type failure struct {
	err   error
	stage Stage
	at    time.Time
}

// retryIn returns how long an upstream is to be left alone after its last failure,
// while the breaker is in that state. The upstream may have asked for more.
func (f failure) retryIn(b Breaker) time.Duration {
	if status, ok := errors.AsType[*StatusError](f.err); ok && b.RetryIn > 0 {
		return max(b.RetryIn, time.Until(f.at.Add(status.RetryAfter)))
	}
	return b.RetryIn
}

// An attempt is one try to connect, shared by all who wait for it.
type attempt struct {
	done    chan struct{}
	err     error    // set before done is closed
	counted onceFlag // that err was counted
}

// New returns an upstream that is not connected.
func New(name string, cfg Config, opts Options) *Upstream {
	if opts.Redact == nil {
		opts.Redact = func(s string) string { return s }
	}
	if opts.ToolsChanged == nil {
		opts.ToolsChanged = func() {}
	}
	if opts.NotFault == nil {
		opts.NotFault = func(error) bool { return false }
	}
	if opts.Failed == nil {
		opts.Failed = func(State) {}
	}
	if opts.Kill == nil {
		opts.Kill = context.Background()
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	u := &Upstream{name: name, cfg: cfg, opts: opts, pool: opts.Pool}
	if u.pool == nil {
		u.owned = NewPool(0)
		u.pool = u.owned
	}
	u.dial = u.transport
	u.st.breaker = newBreaker(opts.Breaker)
	if opts.InitializeFirst {
		u.st.era, u.st.upset = legacy, true
	}
	u.ctx, u.cancel = context.WithCancel(context.Background())
	return u
}

// With calls fn with a live session, connecting first if there is none. ctx
// bounds the caller's wait and what fn does, never the connection.
//
// fn makes one request. It is called a second time, with a session of a new
// connection, if its request never left because the connection had died
// unnoticed, or if its request was interrupted or met a lost session but may
// be repeated, see [Call.Repeatable] and [Session.Repeated]. What may have run
// is never repeated otherwise.
//
// Errors before fn runs are *StartError, *StartingError, *CoolingDownError,
// ErrClosed or ctx's. Errors of the authorization handler are in the chain
// of a *StartError. ErrNotSent is in the chain of fn's error if its request did
// not leave the second time either. A server that refuses a request both times
// as one of a lost session has refused the request, with a *StatusError or a
// *jsonrpc.Error.
func (u *Upstream) With(ctx context.Context, fn func(context.Context, *Session) error) error {
	if err := u.enter(); err != nil {
		return err
	}
	defer u.leave()
	var resent bool
	var lost error // the interruption after which fn is called again
	for {
		s, err := u.try(ctx, lost != nil, fn)
		switch {
		case s == nil && lost != nil:
			return lost // there was no second try, and the first may have run
		case s == nil || err == nil || s.ran || ctx.Err() != nil || u.opts.NotFault(err):
			return err
		case (errors.Is(err, ErrNotSent) || isA[*LostError](err)) && !resent:
			resent = true
		case errors.Is(err, ErrNotSent):
			// What is refused in a new session too is not refused because of it.
			return refusalIn(err)
		case isA[*InterruptedError](err) && lost == nil:
			lost = err
		default:
			return err
		}
	}
}

// refusalIn returns the answer by which the upstream did not take a request, or
// err if there was none.
func refusalIn(err error) error {
	if status, ok := errors.AsType[*StatusError](err); ok {
		return status
	}
	if lost, ok := errors.AsType[*LostError](err); ok {
		return lost.Err
	}
	return err
}

// try calls fn with a session, and returns that, or nil if there was none.
func (u *Upstream) try(ctx context.Context, repeated bool, fn func(context.Context, *Session) error) (*Session, error) {
	report, err := u.admit()
	if err != nil {
		return nil, err
	}
	c, counted, err := u.acquire(ctx, false)
	if err != nil {
		report(u.verdictOnce(err, counted))
		return nil, err
	}
	s := *c.session
	s.repeated, s.stage = repeated, StageCall
	err = u.use(ctx, c, &s, fn)
	report(u.verdictOnce(err, c.countFlag()))
	u.release(c, s.stage, err)
	return &s, err
}

// admit asks the breaker. What comes of the call must be reported.
func (u *Upstream) admit() (report func(verdict error), err error) {
	u.mu.Lock()
	b, last := u.st.breaker, u.st.failure
	u.mu.Unlock()
	report, ok := b.allow()
	if !ok {
		return nil, &CoolingDownError{Until: time.Now().Add(last.retryIn(b.state())), Last: last.err}
	}
	return report, nil
}

// verdictOnce returns the verdict on err, which counts as a fault only for the
// first who asks with counted: a connection that dies under many calls is one
// fault. A nil counted never counts.
func (u *Upstream) verdictOnce(err error, counted *onceFlag) error {
	v := verdict(err)
	if v != nil && v != errNoVerdict && (u.opts.NotFault(err) || counted == nil || !counted.first()) {
		return errNoVerdict
	}
	return v
}

// Connect connects now if there is no connection, regardless of the backoff
// after a failed start and of the breaker. Its errors are those of With.
func (u *Upstream) Connect(ctx context.Context) error {
	if err := u.enter(); err != nil {
		return err
	}
	defer u.leave()
	c, _, err := u.acquire(ctx, true)
	if err != nil {
		return err
	}
	u.release(c, StageCall, nil)
	u.Reset()
	return nil
}

// Reset forgets past failures, so that the next call tries at once. It is for
// when their cause was removed, as by a login.
func (u *Upstream) Reset() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.st.failed, u.st.retry, u.st.failure = 0, time.Time{}, failure{}
	u.st.breaker = newBreaker(u.opts.Breaker)
}

// State returns what is known now. It does no I/O.
func (u *Upstream) State() State {
	said := u.startingStderr()
	u.mu.Lock()
	defer u.mu.Unlock()
	f := u.st.failure
	s := State{Status: Idle, Last: f.err, At: f.at, Stage: f.stage, Breaker: u.st.breaker.state()}
	s.Breaker.RetryIn = f.retryIn(s.Breaker)
	if time.Now().Before(u.st.retry) {
		s.Retry = u.st.retry
	}
	switch {
	case s.Breaker.RetryIn > 0:
		s.Status = CoolingDown
	case u.st.conn != nil:
		s.Status = Connected
	case u.st.attempt != nil:
		s.Status, s.Stderr = Connecting, said
	case isA[*StartError](f.err):
		s.Status = Failed
	}
	return s
}

func (u *Upstream) enter() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.st.closed {
		return ErrClosed
	}
	u.st.users++
	return nil
}

func (u *Upstream) leave() {
	u.mu.Lock()
	u.st.users--
	last := u.st.users == 0
	if last && u.st.drained != nil {
		close(u.st.drained)
		u.st.drained = nil
	}
	u.mu.Unlock()
	if last {
		u.pool.trim()
	}
}

// Drain refuses new calls, waits until the running ones have returned or ctx
// has ended, and closes the upstream.
func (u *Upstream) Drain(ctx context.Context) {
	u.mu.Lock()
	u.st.closed = true
	var drained chan struct{}
	if u.st.users > 0 {
		if u.st.drained == nil {
			u.st.drained = make(chan struct{})
		}
		drained = u.st.drained
	}
	u.mu.Unlock()
	if drained != nil {
		select {
		case <-drained:
		case <-ctx.Done():
		case <-u.ctx.Done():
		}
	}
	u.Close()
}

// Close ends the connection with the running calls, and waits for it.
func (u *Upstream) Close() {
	u.mu.Lock()
	u.st.closed = true
	u.mu.Unlock()
	u.cancel()
	u.wg.Wait()
	if u.owned != nil {
		u.owned.Close()
	}
}
