package auth

import (
	"context"
	"errors"
	"net/url"
	"time"

	"mcpproxy/auth/vault"
)

const (
	refreshFloor = 5 * time.Second // least time between two attempts after a failure
	refreshCeil  = 5 * time.Minute
	lockTimeout  = 40 * time.Second // longer than a refresh of another process takes
	saveDelay    = time.Second      // before a failed save is tried again, doubled each time
	saveDelayMax = 30 * time.Second
)

// A refreshCall is one refresh, for which several callers may wait. It
// continues when they stop waiting.
type refreshCall struct {
	done   chan struct{} // closed when the fields below are set
	record vault.Record
	err    error
}

// renew returns a credential newer than old, which another process or
// goroutine has saved or which is refreshed now. urgent ignores the backoff,
// for a person who asked. ctx bounds only the wait.
func (a *Authority) renew(ctx context.Context, t *target, old vault.Record, urgent bool) (vault.Record, error) {
	call, err := a.joinRefresh(t, old, urgent)
	if err != nil {
		return vault.Record{}, err
	}
	select {
	case <-call.done:
	case <-ctx.Done():
		err := ctx.Err()
		a.update(t.Key, func(s *state) {
			if s.lastErr != nil {
				err = s.lastErr // the cause says more than the timeout
			}
		})
		return vault.Record{}, &RefreshError{Server: t.Name, Err: err}
	}
	if call.err == nil && !t.owns(call.record) {
		return vault.Record{}, t.needsAuth(NoCredential) // the configuration was edited meanwhile
	}
	return call.record, call.err
}

// joinRefresh joins the running refresh call or starts one.
func (a *Authority) joinRefresh(t *target, old vault.Record, urgent bool) (*refreshCall, error) {
	var call *refreshCall
	var err error
	a.update(t.Key, func(s *state) {
		if call = s.refreshing; call != nil {
			return
		}
		if !urgent && time.Now().Before(s.notBefore) {
			err = &RefreshError{Server: t.Name, RetryAt: s.notBefore, Err: s.lastErr}
			return
		}
		if a.closed {
			err = ErrClosed
			return
		}
		call = &refreshCall{done: make(chan struct{})}
		s.refreshing = call
		a.wg.Go(func() { a.runRefresh(t, old, urgent, call) })
	})
	return call, err
}

func (a *Authority) runRefresh(t *target, old vault.Record, urgent bool, call *refreshCall) {
	r, err := a.refresh(t, old, urgent)
	a.update(t.Key, func(s *state) {
		s.refreshing = nil
		switch {
		case err == nil:
			s.forgetFailures()
		case !needsLogin(err):
			s.failures++
			s.lastErr = err
			s.notBefore = time.Now().Add(backoff(s.failures, err))
			err = &RefreshError{Server: t.Name, RetryAt: s.notBefore, Err: err}
		}
	})
	call.record, call.err = r, err
	close(call.done)
	if err != nil {
		a.log.Warn("token not refreshed", "server", t.Name, "error", err)
	}
}

// backoff doubles with each failure in a row, from refreshFloor to
// refreshCeil, and is not shorter than the server asks for.
func backoff(failures int, err error) time.Duration {
	d := refreshFloor << min(failures-1, 10)
	if e, ok := errors.AsType[*HTTPError](err); ok {
		d = max(d, e.RetryAfter)
	}
	if e, ok := errors.AsType[*OAuthError](err); ok {
		d = max(d, e.RetryAfter)
	}
	return min(d, refreshCeil)
}

// refresh obtains new tokens for t in the order that cannot lose them: lock
// between processes, read again, refresh, save, unlock.
func (a *Authority) refresh(t *target, old vault.Record, urgent bool) (vault.Record, error) {
	ctx, cancel := context.WithTimeout(a.life, lockTimeout)
	defer cancel()
	unlock, err := a.vault.Lock(ctx, old.LockFile)
	if err != nil {
		return vault.Record{}, err
	}
	defer unlock()
	r, err := a.reload(ctx, t)
	if err != nil {
		return vault.Record{}, err
	}
	if r.Generation != old.Generation && r.AccessToken != old.AccessToken && !r.Stale(time.Now()) {
		return r, nil // another process has refreshed it
	}
	if r.RefreshToken == "" {
		return vault.Record{}, t.needsAuth(Expired, r.Scopes...)
	}
	if !urgent { // a person who asked is not held back
		if err := a.refusedBefore(t, r); err != nil {
			return vault.Record{}, err
		}
	}
	// From the request to the save nothing may be cancelled: a server that
	// rotates refresh tokens sends the new one only in this response.
	ctx = context.WithoutCancel(ctx) // each step below has its own time limit
	tok, err := a.requestTokens(ctx, t, r.TokenEndpoint, r.Client, r.Resource, url.Values{
		"grant_type":    {grantRefresh},
		"refresh_token": {r.RefreshToken},
	})
	if err == nil {
		return a.save(ctx, t, renewed(r, tok))
	}
	replaced := tok.refresh != "" && tok.refresh != r.RefreshToken
	if replaced {
		r.RefreshToken = tok.refresh
		var saveErr error
		if r, saveErr = a.save(ctx, t, r); saveErr != nil {
			return vault.Record{}, saveErr
		}
	}
	return vault.Record{}, a.refreshFailed(ctx, t, r, replaced, err)
}

// refusedBefore returns the error of an earlier refresh of r by any process,
// if the refresh token was refused or the failure is recent.
func (a *Authority) refusedBefore(t *target, r vault.Record) error {
	var spent error
	a.update(t.Key, func(s *state) {
		if s.spent == r.Generation {
			spent = s.spentError
		}
	})
	if spent != nil {
		return spent
	}
	ix, err := a.vault.Index()
	if err != nil {
		return nil // the index only saves requests
	}
	e := ix.Credentials[t.Key]
	switch {
	case e.Generation != r.Generation || e.RefreshError == "":
		return nil
	case e.NeedsLogin:
		return needsLoginAgain(t.Name, e)
	case time.Since(e.RefreshFailedAt) < refreshFloor:
		return failureOf(e)
	}
	return nil
}

// refreshFailed records a failed refresh of r. It asks for a login if the
// refresh token was refused, and also if a successful answer may have used it
// up. Any other failure is tried again later, and so is one whose answer has
// replaced the refresh token.
func (a *Authority) refreshFailed(ctx context.Context, t *target, r vault.Record, replaced bool, cause error) error {
	final := !replaced && (isRefusal(cause) || isAnswerError(cause))
	failure := failureFrom(cause, r.TokenEndpoint, func(words string) string {
		return t.tell(words, 2*maxWords, r.RefreshToken, r.AccessToken, t.clientOf(r.Client).Secret)
	})
	if err := a.vault.RefreshFailed(ctx, t.Key, r.Generation, failure, final); err != nil {
		a.log.Warn("refresh failure not noted", "server", t.Name, "error", err)
	}
	if !final {
		return cause
	}
	err := &NeedsAuthError{Server: t.Name, Reason: reasonOf(failure.RefreshError), Scopes: r.Scopes, Err: cause}
	a.update(t.Key, func(s *state) { s.spent, s.spentError = r.Generation, err })
	return err
}

// save stores r durably before anyone uses it, and retries while the process
// lives, because the former refresh token may be used up. The caller holds
// the lock of the credential, so that no other process sends that token
// again.
func (a *Authority) save(ctx context.Context, t *target, r vault.Record) (vault.Record, error) {
	for delay := saveDelay; ; delay = min(2*delay, saveDelayMax) {
		saved, err := a.vault.Put(ctx, t.Key, r)
		if err == nil {
			return saved, nil
		}
		a.log.Error("refreshed token not saved yet", "server", t.Name, "error", err)
		a.update(t.Key, func(s *state) { s.lastErr = err })
		select {
		case <-time.After(delay):
		case <-a.life.Done():
			return vault.Record{}, err
		}
	}
}

// Refresh refreshes the credential of s now, whatever its expiry and earlier
// failures. Its errors are those of [Handler.TokenSource].
func (a *Authority) Refresh(ctx context.Context, s Server) error {
	t, err := a.target(s)
	if err != nil {
		return err
	}
	r, err := a.get(ctx, t)
	if err != nil {
		return err
	}
	_, err = a.renew(ctx, t, r, true)
	return err
}
