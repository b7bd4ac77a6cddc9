package proxy

import (
	"context"
	"errors"
	"time"

	"mcpproxy/auth"
	"mcpproxy/proxy/config"
	"mcpproxy/upstream"
)

// beginWithin bounds what a login asks of the network before there is
// something to show to the person.
const beginWithin = 30 * time.Second

// A NoLoginError says that a server cannot be logged in to, because its entry
// has no oauth.
type NoLoginError struct{ Server, File string }

func (e *NoLoginError) Error() string { return e.Server + ": no oauth is configured" }

// protectedTarget returns the target of a login.
func (v *View) protectedTarget(s *config.Server) (*target, error) {
	t, err := v.target(s)
	if err != nil {
		return nil, err
	}
	if t.auth == nil {
		return nil, &NoLoginError{Server: t.Name, File: t.File}
	}
	return t, nil
}

func (v *View) authority() *auth.Authority { return v.session.proxy.opts.Authority }

// Login begins a login and returns what to show to the person. The login goes
// on by itself, see [auth.Authority.Begin], which tells the errors.
func (v *View) Login(ctx context.Context, server *config.Server, o auth.LoginOptions) (*auth.Login, error) {
	t, err := v.protectedTarget(server)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, beginWithin)
	defer cancel()
	l, err := v.authority().Begin(ctx, *t.auth, o)
	if err != nil {
		return nil, &ServerError{Server: t.Name, Err: err}
	}
	s := v.session
	s.mu.Lock()
	s.logins[t.Name] = l
	s.mu.Unlock()
	s.start(func() {
		if l.Wait(s.ctx) == nil {
			t.up.Reset()
		}
	})
	return l, nil
}

// newestLogin returns the login to a server that was begun last by this
// session, or nil.
func (s *Session) newestLogin(server string) *auth.Login {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins[server]
}

// loginPending reports whether a login to the server waits for the person, in
// whichever process. It prepares no connection.
func (v *View) loginPending(s *config.Server) bool {
	if s == nil {
		return false
	}
	protected := v.protectedServer(s)
	if protected == nil {
		return false
	}
	st, err := v.authority().Status(*protected)
	return err == nil && st.Pending != nil && !st.Pending.Orphaned
}

// protectedServer returns what package auth knows a server by, nil if it takes
// no login.
func (v *View) protectedServer(s *config.Server) *auth.Server {
	if t, _ := v.session.found(s.ID); t != nil {
		return t.auth
	}
	if s.Usable() != nil {
		return nil
	}
	r, err := v.resolve(s)
	if err != nil {
		return nil
	}
	protected, ok := v.session.proxy.protected(s, r)
	if !ok {
		return nil
	}
	return &protected
}

// CompleteLogin finishes a pending login with the URL that the person's
// browser was sent to.
func (v *View) CompleteLogin(ctx context.Context, s *config.Server, redirectURL string) error {
	t, err := v.protectedTarget(s)
	if err != nil {
		return err
	}
	if err := v.authority().Complete(ctx, *t.auth, redirectURL); err != nil {
		return &ServerError{Server: t.Name, Err: err}
	}
	t.up.Reset()
	return nil
}

// Logout revokes and deletes the credential of a server. It reports whether
// the authorization server was told.
func (v *View) Logout(ctx context.Context, s *config.Server) (revoked bool, err error) {
	t, err := v.protectedTarget(s)
	if err != nil {
		return false, err
	}
	if revoked, err = v.authority().Logout(ctx, *t.auth); err != nil {
		err = &ServerError{Server: t.Name, Err: err}
	}
	return revoked, err
}

// Refresh refreshes the access token of a server now.
func (v *View) Refresh(ctx context.Context, s *config.Server) error {
	t, err := v.protectedTarget(s)
	if err != nil {
		return err
	}
	if err := v.authority().Refresh(ctx, *t.auth); err != nil {
		return &ServerError{Server: t.Name, Err: err}
	}
	return nil
}

// authStatus tells what the index of credentials knows of a server.
func authStatus(st auth.Status) *AuthStatus {
	out := &AuthStatus{State: st.State, Scopes: st.Scopes, LastError: st.RefreshError}
	if !st.ExpiresAt.IsZero() {
		out.ExpiresAt = new(st.ExpiresAt.UTC().Truncate(time.Second))
	}
	if st.Pending != nil {
		out.Pending = &PendingLogin{Flow: st.Pending.Flow, ExpiresAt: st.Pending.ExpiresAt.UTC().Truncate(time.Second), Orphaned: st.Pending.Orphaned}
	}
	return out
}

// authorized corrects the condition of a protected server by what the index of
// credentials says: a login, or the loss of one, may have happened in another
// process since the connection failed or was made.
func (p *Proxy) authorized(s auth.Server, c condition) condition {
	st, err := p.opts.Authority.Status(s)
	if err != nil {
		if c.err == nil {
			c.err, c.stage = &ServerError{Server: s.Name, Err: err}, stageAuth
		}
		return c
	}
	needs, lost := errors.AsType[*auth.NeedsAuthError](c.err)
	c.auth = authStatus(st)
	switch {
	case st.State != auth.LoggedIn && (lost || c.status == upstream.Idle || c.status == upstream.Connected && st.Used):
		if !lost {
			c.err = &ServerError{Server: s.Name, Err: st.Err}
		}
		c.status, c.stage = NeedsAuth, stageAuth
	case st.State != auth.LoggedIn && c.status == upstream.Connected:
		// It was connected without a token, so that none is needed so far.
		if c.auth.State = ""; c.auth.Pending == nil {
			c.auth = nil
		}
	case lost && needs.Reason == auth.InsufficientScope:
		c.status, c.stage = NeedsAuth, stageAuth
	case lost:
		c = condition{status: upstream.Idle, auth: c.auth}
	}
	return c
}
