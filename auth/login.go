package auth

import (
	"context"
	"errors"
	"time"

	"mcpproxy/auth/vault"
)

// A Login is one that has begun. Its fields say what to show the person; it
// finishes by itself when the browser comes back, when the device flow's
// answer arrives, or when anyone, in any process, calls [Authority.Complete].
type Login struct {
	Server  string
	Flow    vault.Flow
	Expires time.Time

	// Code flow.
	AuthorizeURL string
	State        string
	// CallbackError says why the browser's callback cannot be received, so
	// that only pasting is left; nil if it can, or was not wanted. It is
	// a [*ListenError].
	CallbackError error

	// Device flow, RFC 8628 section 3.2.
	UserCode                string
	VerificationURL         string
	VerificationURLComplete string // empty if the server gave none

	authority        *Authority
	target           *target
	pending          vault.Pending
	formerGeneration uint64 // generation of the credential when the login began
	releaseOwner     func() // of the attendance
	outcomes         chan error
	replaced         chan struct{} // closed when a login of this process supersedes it
	cancelled        chan struct{} // closed by Cancel

	done chan struct{} // closed when err is set
	err  error
}

// Wait waits until the login has finished, one way or the other: nil means
// that there is a new credential, a [*LoginError] or [*vault.Error] that there
// is none. A superseded login takes the result of its successor. The end of
// ctx ends only the wait.
func (l *Login) Wait(ctx context.Context) error {
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Cancel gives the login up; it cannot be finished any more.
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

// report delivers the outcome of a flow. Only the first one counts.
func (l *Login) report(err error) {
	select {
	case l.outcomes <- err:
	default:
	}
}

// startLogin saves p as the pending login of t and starts waiting for its outcome.
func (a *Authority) startLogin(ctx context.Context, t *target, p vault.Pending, r receiver, callbackErr error) (*Login, error) {
	l, err := a.savePending(ctx, t, p)
	if err == nil {
		l.CallbackError = callbackErr
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

// savePending makes p the pending login of its credential, machine-wide first, then
// in this process. Both in one turn, so that they agree which one is newest.
func (a *Authority) savePending(ctx context.Context, t *target, p vault.Pending) (*Login, error) {
	select {
	case a.pending <- struct{}{}:
		defer func() { <-a.pending }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	ix, _ := a.vault.Index() // SavePending below mends a damaged one, or says what is wrong
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

// A receiver takes in the answer to a login: the browser's callback or the
// device flow's poll. It reports outcomes until it is closed; Close waits for
// what it is in the middle of, and may be called again.
type receiver interface {
	open(ctx context.Context, l *Login)
	Close()
}

// pasteOnly is the receiver of a login that can only be finished by pasting.
type pasteOnly struct{}

func (pasteOnly) open(context.Context, *Login) {}
func (pasteOnly) Close()                       {}

// watchInterval is how often a login looks whether another process has
// finished or superseded it.
const watchInterval = time.Second

// run owns the login from its beginning to its end.
func (l *Login) run(life context.Context, r receiver) {
	ctx, cancel := context.WithCancel(life)
	r.open(ctx, l)
	err := l.awaitOutcome(ctx)
	if reasonOfLogin(err) == Superseded {
		r.Close()
		err = l.awaitSuccessor(ctx)
	}
	// An expired login is kept for a while by the vault, so that a late paste
	// learns that it came too late; an unfinished one for another process.
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

// outcomeElsewhere tells what became of a login that is no longer the pending one.
// What this process did to it itself is reported by the flow itself.
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

// awaitSuccessor waits for the result of the login that superseded l, as long as one
// is pending, and takes it.
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

// remove takes the pending login out of the vault. It may be gone already.
func (l *Login) remove() {
	ctx := context.WithoutCancel(l.authority.life) // Close waits for it
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
