package upstream

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// A claim is taken by the first who asks.
type claim struct{ taken atomic.Bool }

func (c *claim) first() bool { return c.taken.CompareAndSwap(false, true) }

// borrow returns the live connection and counts a call on it. With an error
// comes the claim to have it counted, nil if it tells nothing new.
func (u *Upstream) borrow(ctx context.Context, onDemand bool) (*connection, *claim, error) {
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
			u.pool.touch(c.seat)
			return c, nil, nil
		}
		select {
		case <-a.done:
			if a.err != nil {
				return nil, &a.told, a.err
			}
		case <-timeout:
			return nil, nil, &StartingError{Waited: time.Duration(u.cfg.WaitTimeout), FirstLine: u.said()}
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// connOrAttempt returns the connection, with a call counted on it, or the
// attempt to wait for, or the reason why there is none.
func (u *Upstream) connOrAttempt(onDemand bool) (*connection, *attempt, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.ctx.Err() != nil:
		return nil, nil, ErrClosed
	case u.st.conn != nil:
		u.st.conn.lent++
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

// use runs fn until it returns; the end of the connection ends its ctx.
func (u *Upstream) use(ctx context.Context, c *connection, s *Session, fn func(context.Context, *Session) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.ctx, func() { cancel(errEnded) })()
	err := fn(ctx, s)
	if errors.Is(context.Cause(ctx), errEnded) && errors.Is(err, context.Canceled) {
		err = &InterruptedError{Err: errEnded}
	}
	var i *InterruptedError
	if c.child != nil && errors.As(err, &i) && i.ExitStatus == "" {
		o := c.child.Outcome()
		i.ExitStatus, i.Stderr = o.ExitStatus, o.Stderr
	}
	return err
}

// giveBack ends a call on c, which met err in that stage.
func (u *Upstream) giveBack(c *connection, stage string, err error) {
	u.pool.touch(c.seat)
	fault := isFault(err) && !u.opts.NotFault(err)
	u.mu.Lock()
	c.lent--
	if errors.Is(err, ErrNotSent) || c.mux != nil && errors.As(err, new(*InterruptedError)) {
		u.retire(c)
	}
	switch {
	case fault:
		u.st.failure = failure{err: err, stage: stage, at: time.Now()}
	case err == nil && u.st.conn == c:
		u.st.failure = failure{}
	}
	if c.lent == 0 {
		c.wake(c.idle)
		if c.retired {
			c.wake(c.stop)
		}
	}
	u.mu.Unlock()
	if fault {
		u.opts.Failed(u.State())
	}
	if errors.As(err, new(*TimeoutError)) {
		c.wake(c.doubt)
	}
}

// retire takes a connection out of service, so that the next call makes a new
// one. It ends with its last call. u.mu is held.
func (u *Upstream) retire(c *connection) {
	if u.st.conn == c {
		u.st.conn = nil
	}
	c.retired = true
	if c.lent == 0 {
		c.wake(c.stop)
	}
}

// evict retires the connection of that seat if it is idle; a busy one never.
func (u *Upstream) evict(s *seat) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	c := u.st.conn
	// A call under way may be about to borrow what was just made for it.
	if c == nil || c.seat != s || c.lent > 0 || u.st.users > 0 {
		return false
	}
	u.retire(c)
	return true
}

// live is the life of one connection: attempt, service, end.
func (u *Upstream) live(a *attempt) {
	seat := u.pool.sit(u)
	defer u.pool.leave(seat)
	c, err := u.start(seat)
	if err != nil && u.ctx.Err() != nil {
		err = ErrClosed
	}
	u.mu.Lock()
	u.st.attempt, a.err = nil, err
	if err == nil {
		u.st.conn, u.st.era = c, c.era
		u.st.failed, u.st.retry, u.st.failure = 0, time.Time{}, failure{}
	}
	s := (*StartError)(nil)
	if errors.As(err, &s) {
		u.st.failure = failure{err: err, stage: s.Stage, at: s.At}
		if !u.opts.NotFault(err) {
			u.st.failed++
			u.st.retry = time.Now().Add(pause(u.st.failed))
			s.Retry, u.st.refusal = u.st.retry, s
		}
	}
	u.mu.Unlock()
	if s != nil {
		u.opts.Failed(u.State()) // before a caller can be told, and end the process
	}
	close(a.done)
	if c != nil {
		u.serve(c)
	}
}

// start connects within its own time, which begins when its turn comes.
func (u *Upstream) start(seat *seat) (*connection, error) {
	done, err := u.pool.turn(u.ctx)
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
	c.seat = seat
	return c, nil
}

// serve waits for the connection's end, from whichever side, and clears it away.
func (u *Upstream) serve(c *connection) {
	died := make(chan error, 1)
	go func() { died <- c.session.Wait() }() // ends when the session is closed below
	idle := time.NewTimer(time.Hour)
	idle.Stop()
	defer idle.Stop()
	u.armIdle(idle)
	var dead bool
	for serving := true; serving; {
		select {
		case <-c.idle:
			u.armIdle(idle)
		case <-idle.C:
			if u.evict(c.seat) {
				u.opts.Log.Debug("closing: idle", "server", u.name)
			} else {
				u.armIdle(idle) // whoever is in the way may leave without a call
			}
		case <-c.doubt:
			if !c.answers(u.ctx) {
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
	unseen := dead && c.lent == 0
	u.mu.Unlock()
	if unseen {
		u.diedUnseen(c)
	}
	c.close()
	<-died
}

// diedUnseen records the death of a child between two calls.
func (u *Upstream) diedUnseen(c *connection) {
	if c.child == nil {
		return
	}
	o := c.child.Outcome()
	if c.child.Succeeded() {
		return // it was done, as a server that has an idle time of its own
	}
	u.mu.Lock()
	if u.st.attempt == nil && u.st.conn == nil && u.ctx.Err() == nil {
		u.st.failure = failure{
			err:   &InterruptedError{ExitStatus: o.ExitStatus, Stderr: o.Stderr, Err: errEnded},
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
