package auth

import (
	"context"
	"errors"
	"time"

	"mcpproxy/auth/vault"
)

// A Login is a login that has begun. Its fields say what to show the person.
// It ends when the browser comes back, when the device flow has an answer,
// or when any process calls [Authority.Complete].
//
// Its goroutine lives from the beginning to the end of the login;
// Authority.Close ends it and waits for it.
type Login struct {
	Server  string
	Flow    vault.Flow
	Expires time.Time

	// Code flow.
	AuthorizeURL string
	State        string
	// CallbackError is a [*ListenError] if the browser's callback cannot be
	// received, so that the login can only be finished by pasting. It is nil
	// if the callback works or was not wanted.
	CallbackError error

	// Device flow, RFC 8628 section 3.2.
	UserCode                string
	VerificationURL         string
	VerificationURLComplete string // empty if the server gave none

	authority        *Authority
	target           *target
	pending          vault.Pending
	formerGeneration uint64      // of the credential when the login began
	releaseOwner     func()      // releases the owner lock
	notice           func(error) // of [LoginOptions], may be nil
	outcomes         chan error
	replaced         chan struct{} // closed when another login of this process supersedes it
	cancelled        chan struct{} // closed by Cancel

	done chan struct{} // closed when err is set
	err  error
}

// Wait waits until the login has ended. nil means that there is a new
// credential; a [*LoginError] or [*vault.Error] means that there is none. A
// superseded login ends with the result of its successor. The end of ctx
// ends only the wait.
func (l *Login) Wait(ctx context.Context) error {
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Cancel ends the login; it can no longer be finished.
func (l *Login) Cancel() {
	l.authority.update(l.target.Key, func(*state) { l.cancel() })
}

// cancel is called within update.
func (l *Login) cancel() { closeOnce(l.cancelled) }

// supersede is called within update.
func (l *Login) supersede() { closeOnce(l.replaced) }

func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// report sets the outcome of the login. Only the first one counts.
func (l *Login) report(err error) {
	select {
	case l.outcomes <- err:
	default:
	}
}

// tell tells whoever began the login of a failure after which it still waits.
func (l *Login) tell(err error) {
	if l.notice != nil {
		l.notice(err)
	}
}

// startLogin saves p as the pending login of b and starts its goroutine.
func (a *Authority) startLogin(ctx context.Context, b loginRequest, p vault.Pending, r receiver, callbackErr error) (*Login, error) {
	l, err := a.savePending(ctx, b.t, p)
	if err == nil {
		l.CallbackError, l.notice = callbackErr, b.notice
		err = a.run(func() { l.run(a.life, r) })
		if err != nil {
			l.releaseOwner()
		}
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return l, nil
}

// savePending makes p the pending login of its credential, first in the
// vault and then in this process. Only one login does so at a time, so that
// both agree on which is the newest.
func (a *Authority) savePending(ctx context.Context, t *target, p vault.Pending) (*Login, error) {
	select {
	case a.pending <- struct{}{}:
		defer func() { <-a.pending }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	ix, _ := a.vault.Index() // SavePending repairs a damaged index or returns its error
	p, release, err := a.vault.SavePending(ctx, t.Key, p)
	if err != nil {
		return nil, err
	}
	l := &Login{
		Server: t.Name, Flow: p.Flow, Expires: p.Expires,
		AuthorizeURL: p.AuthorizeURL, State: p.State,
		UserCode: p.UserCode, VerificationURL: p.VerificationURI, VerificationURLComplete: p.VerificationURIComplete,
		authority: a, target: t, pending: p, formerGeneration: ix.Credentials[t.Key].Generation, releaseOwner: release,
		outcomes: make(chan error, 1), replaced: make(chan struct{}), cancelled: make(chan struct{}), done: make(chan struct{}),
	}
	a.update(t.Key, func(s *state) {
		if s.login != nil {
			s.login.supersede()
		}
		s.login = l
	})
	return l, nil
}

// A receiver receives the answer to a login, by the browser's callback or by
// polling. It reports outcomes until it is closed. Close waits for what is
// in progress, and may be called again.
type receiver interface {
	open(ctx context.Context, l *Login)
	Close()
}

// pasteOnly is the receiver of a login that can only be finished by pasting.
type pasteOnly struct{}

func (pasteOnly) open(context.Context, *Login) {}
func (pasteOnly) Close()                       {}

// watchInterval is the time between two checks whether another process has
// finished or superseded the login.
const watchInterval = time.Second

// run waits for the outcome of the login and ends it.
func (l *Login) run(life context.Context, r receiver) {
	ctx, cancel := context.WithCancel(life)
	r.open(ctx, l)
	err := l.awaitOutcome(ctx)
	if reasonOfLogin(err) == Superseded {
		r.Close()
		err = l.awaitSuccessor(ctx)
	}
	// The vault keeps an expired login for a while, so that a late paste
	// gets the right error. An unfinished one is kept for another process.
	if err != nil && !errors.Is(err, ErrClosed) && reasonOfLogin(err) != LoginExpired {
		l.remove()
	}
	l.err = err
	close(l.done)
	cancel()
	r.Close()
	l.releaseOwner()
	l.authority.log.Debug("login ended", "server", l.Server, "flow", l.Flow, "error", err)
}

// awaitOutcome waits for the first outcome.
func (l *Login) awaitOutcome(ctx context.Context) error {
	expired := time.NewTimer(time.Until(l.Expires))
	defer expired.Stop()
	watch := time.NewTicker(watchInterval)
	defer watch.Stop()
	for {
		select {
		case err := <-l.outcomes:
			return err
		case <-l.replaced:
			return l.failed(Superseded, nil)
		case <-l.cancelled:
			return l.failed(Cancelled, nil)
		case <-expired.C:
			return l.failed(LoginExpired, nil)
		case <-ctx.Done():
			return ErrClosed
		case <-watch.C:
			if !l.authority.vault.PendingCurrent(l.target.Key, l.pending.ID) {
				return l.outcomeElsewhere()
			}
		}
	}
}

// outcomeElsewhere returns the outcome of a login that is no longer pending
// in the vault. This process reports its own outcomes itself.
func (l *Login) outcomeElsewhere() error {
	select {
	case err := <-l.outcomes:
		return err
	default:
	}
	ix, err := l.authority.vault.Index()
	switch {
	case err != nil:
		return err
	case ix.Pending[l.target.Key].ID != "":
		return l.failed(Superseded, nil)
	case ix.Credentials[l.target.Key].Generation > l.formerGeneration:
		return nil
	}
	return l.failed(Cancelled, nil)
}

// awaitSuccessor waits for the result of the login that superseded l.
func (l *Login) awaitSuccessor(ctx context.Context) error {
	watch := time.NewTicker(watchInterval)
	defer watch.Stop()
	for {
		ix, err := l.authority.vault.Index()
		next, pending := ix.Pending[l.target.Key]
		switch {
		case err != nil:
			return err
		case ix.Credentials[l.target.Key].Generation > l.formerGeneration && !pending:
			return nil
		case !pending || time.Now().After(next.Expires):
			return l.failed(Superseded, nil)
		}
		select {
		case <-watch.C:
		case <-l.cancelled:
			return l.failed(Cancelled, nil)
		case <-ctx.Done():
			return ErrClosed
		}
	}
}

// remove removes the pending login from the vault, if it is still there.
func (l *Login) remove() {
	ctx := context.WithoutCancel(l.authority.life) // Close waits for this call
	if err := l.authority.vault.RemovePending(ctx, l.target.Key, l.pending.ID); err != nil {
		l.authority.log.Warn("pending login not removed", "server", l.Server, "error", err)
	}
}

func (l *Login) failed(reason LoginReason, err error) error {
	return &LoginError{Server: l.Server, Reason: reason, Err: err}
}

// reasonOfLogin returns the reason of the LoginError within err, or "".
func reasonOfLogin(err error) LoginReason {
	if e, ok := errors.AsType[*LoginError](err); ok {
		return e.Reason
	}
	return ""
}
