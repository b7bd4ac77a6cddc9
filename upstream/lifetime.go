package upstream

import (
	"context"
	"errors"
	"sync"
	"time"
)

// acquire returns the live connection with a call counted on it, which must be
// released. With an error comes the flag by which it counts once, nil if the
// error says nothing new.
func (u *Upstream) acquire(ctx context.Context, onDemand bool) (*connection, *onceFlag, error) {
	var timeout <-chan time.Time
	if u.cfg.WaitTimeout > 0 {
		t := time.NewTimer(time.Duration(u.cfg.WaitTimeout))
		defer t.Stop()
		timeout = t.C
	}
	for {
		c, a, err := u.connOrAttempt(onDemand)
		if err != nil {
			return nil, nil, err
		}
		if c != nil {
			u.pool.touch(c.slot)
			return c, nil, nil
		}
		select {
		case <-a.done:
			if a.err != nil {
				return nil, &a.counted, a.err
			}
		case <-timeout:
			return nil, nil, &StartingError{Waited: time.Duration(u.cfg.WaitTimeout), FirstLine: u.firstLine(), Stderr: u.startingStderr()}
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// connOrAttempt returns the connection with a call counted on it, or the
// attempt to wait for, or the reason why there is neither.
func (u *Upstream) connOrAttempt(onDemand bool) (*connection, *attempt, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.ctx.Err() != nil:
		return nil, nil, ErrClosed
	case u.st.conn != nil:
		u.st.conn.calls++
		return u.st.conn, nil, nil
	case u.st.attempt != nil:
	case !onDemand && time.Now().Before(u.st.retry):
		return nil, nil, u.st.refusal
	default:
		a := &attempt{done: make(chan struct{})}
		u.st.attempt = a
		u.wg.Go(func() { u.live(a) })
	}
	return nil, u.st.attempt, nil
}

// use runs fn, whose ctx the end of the connection ends.
func (u *Upstream) use(ctx context.Context, c *connection, s *Session, fn func(context.Context, *Session) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.ctx, func() { cancel(errEnded) })()
	err := fn(ctx, s)
	// Which answer ended the connection, if one did, says more than its end.
	if errors.Is(context.Cause(ctx), errEnded) && errors.Is(err, context.Canceled) && !isA[*StatusError](err) {
		err = &InterruptedError{Err: errEnded}
	}
	setStage(err, s.stage)
	if i, ok := errors.AsType[*InterruptedError](err); ok && c.child != nil && i.ExitStatus == "" {
		i.Outcome = c.outcome()
	}
	return err
}

// release ends a call on c, which met err at that stage.
func (u *Upstream) release(c *connection, stage Stage, err error) {
	u.pool.touch(c.slot)
	fault := isFault(err) && !u.opts.NotFault(err)
	u.mu.Lock()
	c.calls--
	if errors.Is(err, ErrNotSent) || isA[*LostError](err) || c.mux != nil && isA[*InterruptedError](err) {
		u.retire(c)
	}
	switch {
	case fault:
		u.st.failure = failure{err: err, stage: stage, at: time.Now()}
	case err == nil && u.st.conn == c:
		u.st.failure = failure{}
	}
	if c.calls == 0 {
		c.wake(c.idle)
		if c.retired {
			c.wake(c.stop)
		}
	}
	u.mu.Unlock()
	if fault {
		u.opts.Failed(u.State())
	}
	if isA[*TimeoutError](err) {
		c.wake(c.suspect)
	}
}

// retire takes a connection out of service, so that the next call makes a new
// one. It ends with its last call. u.mu is held.
func (u *Upstream) retire(c *connection) {
	if u.st.conn == c {
		u.st.conn = nil
	}
	c.retired = true
	if c.calls == 0 {
		c.wake(c.stop)
	}
}

// evict retires the connection in that slot if it is idle, and reports whether
// it did.
func (u *Upstream) evict(s *slot) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	c := u.st.conn
	// A call in progress may be about to acquire what was just made for it.
	if c == nil || c.slot != s || c.calls > 0 || u.st.users > 0 {
		return false
	}
	u.retire(c)
	return true
}

// live is the life of one connection: attempt, service, end. The goroutine that
// runs it owns the connection.
func (u *Upstream) live(a *attempt) {
	slot := u.pool.take(u)
	defer u.pool.free(slot)
	c, err := u.start(slot)
	if err != nil && u.ctx.Err() != nil {
		err = ErrClosed
	}
	u.mu.Lock()
	u.st.attempt, u.st.starting, a.err = nil, nil, err
	if err == nil {
		u.st.conn, u.st.era, u.st.sse, u.st.version = c, c.era, c.sse, c.version
		u.st.failed, u.st.retry, u.st.failure = 0, time.Time{}, failure{}
	}
	s, failed := errors.AsType[*StartError](err)
	if failed {
		u.st.failure = failure{err: err, stage: s.Stage, at: s.At}
		if !u.opts.NotFault(err) {
			u.st.failed++
			u.st.retry = time.Now().Add(backoff(u.st.failed, err))
			s.Retry, u.st.refusal = u.st.retry, s
		}
	}
	u.mu.Unlock()
	if failed {
		u.opts.Failed(u.State()) // before a caller gets the error and ends the process
	}
	close(a.done)
	if c != nil {
		u.serve(c)
	}
}

// start connects within a time of its own, which begins when its turn comes.
func (u *Upstream) start(slot *slot) (*connection, error) {
	done, err := u.pool.awaitTurn(u.ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	ctx, cancel := u.ctx, context.CancelFunc(func() {})
	if d := time.Duration(u.cfg.StartTimeout); d > 0 {
		ctx, cancel = context.WithTimeoutCause(u.ctx, d, &TimeoutError{After: d})
	}
	defer cancel()
	c, err := u.connect(ctx)
	if err != nil {
		return nil, err
	}
	c.slot = slot
	return c, nil
}

// serve waits until the connection ends, from either side, and closes it.
func (u *Upstream) serve(c *connection) {
	died := make(chan error, 1)
	go func() { died <- c.session.Wait() }() // ends when the session is closed below
	idle := time.NewTimer(time.Hour)
	idle.Stop()
	defer idle.Stop()
	u.armIdle(idle)
	ping := newPing(c)
	var dead bool
	for serving := true; serving; {
		select {
		case <-c.idle:
			u.armIdle(idle)
		case <-idle.C:
			if u.evict(c.slot) {
				u.opts.Log.Debug("closing: idle", "server", u.name)
			} else {
				u.armIdle(idle) // a user of the upstream may leave without a call
			}
		case <-c.suspect:
			ping.start(u.ctx)
		case ok := <-ping.answered:
			ping.inFlight = false
			if !ok {
				u.opts.Log.Debug("retired: no answer to a ping", "server", u.name)
				u.mu.Lock()
				u.retire(c)
				u.mu.Unlock()
			}
		case err := <-died:
			u.opts.Log.Debug("connection ended", "server", u.name, "err", err)
			died <- err
			dead, serving = true, false
		case <-c.stop:
			serving = false
		case <-u.ctx.Done():
			serving = false
		}
	}
	u.mu.Lock()
	u.retire(c)
	unseen := dead && c.calls == 0
	u.mu.Unlock()
	if unseen {
		u.diedIdle(c)
	}
	ping.stop()
	c.close()
	ping.wg.Wait()
	<-died
}

// A ping asks whether an upstream still answers, while its owner goes on. At
// most one is in flight.
type ping struct {
	c        *connection
	inFlight bool
	answered chan bool // buffered by one
	stop     context.CancelFunc
	wg       sync.WaitGroup
}

func newPing(c *connection) *ping {
	return &ping{c: c, answered: make(chan bool, 1), stop: func() {}}
}

// start sends a ping if none is in flight.
func (p *ping) start(ctx context.Context) {
	if p.inFlight {
		return
	}
	p.inFlight = true
	p.stop() // of the one before, which has ended
	ctx, p.stop = context.WithCancel(ctx)
	p.wg.Go(func() { p.answered <- p.c.answers(ctx) })
}

// diedIdle records that a child died between two calls.
func (u *Upstream) diedIdle(c *connection) {
	if c.child == nil {
		return
	}
	outcome := c.outcome()
	if c.child.Succeeded() {
		return // a server may have an idle timeout of its own
	}
	u.mu.Lock()
	if u.st.attempt == nil && u.st.conn == nil && u.ctx.Err() == nil {
		u.st.failure = failure{
			err:   &InterruptedError{Outcome: outcome, Err: errEnded},
			stage: StageIdle, at: time.Now(),
		}
	}
	u.mu.Unlock()
	u.opts.Failed(u.State())
}

func (u *Upstream) armIdle(idle *time.Timer) {
	if u.cfg.IdleTTL > 0 {
		idle.Reset(time.Duration(u.cfg.IdleTTL))
	}
}
