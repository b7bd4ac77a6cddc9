package proxy

import (
	"context"
	"errors"
	"net/http"
	"time"

	"mcpproxy/auth"
	"mcpproxy/auth/vault"
	"mcpproxy/proxy/config"
	"mcpproxy/upstream"
)

// needsAuth is the word for a server that only a login makes usable.
const needsAuth = "needs_auth"

// beginWithin bounds what a login asks of the network before there is
// something to show to the person.
const beginWithin = 30 * time.Second

// A NoLoginError says that a server cannot be logged in to, because its entry
// has no oauth.
type NoLoginError struct{ Server, File string }

func (e *NoLoginError) Error() string { return e.Server + ": no oauth is configured" }

// protected returns what package auth needs to know of a server.
func (p *Proxy) protected(s *config.Server, r config.Resolved) (auth.Server, bool) {
	if r.OAuth == nil || p.opts.Authority == nil {
		return auth.Server{}, false
	}
	return auth.Server{
		Name: s.Name, URL: r.Upstream.URL, Config: *r.OAuth,
		Key: vault.Key(s.Name, s.ProjectDir()),
	}, true
}

// login returns the target of a login.
func (p *Proxy) login(server string) (*target, auth.Server, error) {
	t, err := p.target(server)
	if err != nil {
		return nil, auth.Server{}, err
	}
	if t.auth == nil {
		return nil, auth.Server{}, &NoLoginError{Server: t.Name, File: t.File}
	}
	return t, *t.auth, nil
}

// Login begins a login and returns what to show to the person. The login goes
// on by itself, see [auth.Authority.Begin], which tells the errors.
func (p *Proxy) Login(ctx context.Context, server string, o auth.LoginOptions) (*auth.Login, error) {
	t, s, err := p.login(server)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, beginWithin)
	defer cancel()
	l, err := p.opts.Authority.Begin(ctx, s, o)
	if err != nil {
		return nil, &ServerError{Server: t.Name, Err: err}
	}
	p.mu.Lock()
	p.logins[t.Name] = l
	p.mu.Unlock()
	p.watch(func() {
		if l.Wait(p.ctx) == nil {
			t.up.Reset()
		}
	})
	return l, nil
}

// newest returns the login to a server that was begun last by this proxy, or
// nil.
func (p *Proxy) newest(server string) *auth.Login {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.logins[server]
}

// waiting reports whether a login to the server waits for the person, in
// whichever process.
func (p *Proxy) waiting(server string) bool {
	t, err := p.target(server)
	if err != nil || t.auth == nil {
		return false
	}
	st, err := p.opts.Authority.Status(*t.auth)
	return err == nil && st.Pending != nil && !st.Pending.Orphaned
}

// CompleteLogin finishes a pending login with the URL that the person's
// browser was sent to.
func (p *Proxy) CompleteLogin(ctx context.Context, server, redirectURL string) error {
	t, s, err := p.login(server)
	if err != nil {
		return err
	}
	if err := p.opts.Authority.Complete(ctx, s, redirectURL); err != nil {
		return &ServerError{Server: t.Name, Err: err}
	}
	t.up.Reset()
	return nil
}

// Logout revokes and deletes the credential of a server. It reports whether
// the authorization server was told.
func (p *Proxy) Logout(ctx context.Context, server string) (revoked bool, err error) {
	t, s, err := p.login(server)
	if err != nil {
		return false, err
	}
	if revoked, err = p.opts.Authority.Logout(ctx, s); err != nil {
		err = &ServerError{Server: t.Name, Err: err}
	}
	return revoked, err
}

// Refresh refreshes the access token of a server now.
func (p *Proxy) Refresh(ctx context.Context, server string) error {
	t, s, err := p.login(server)
	if err != nil {
		return err
	}
	if err := p.opts.Authority.Refresh(ctx, s); err != nil {
		return &ServerError{Server: t.Name, Err: err}
	}
	return nil
}

// AuthStatus is what is known of a server's credential without asking the
// keyring.
type AuthStatus struct {
	State     auth.State    `json:"state"` // logged_in, needs_login or expired
	ExpiresAt *time.Time    `json:"expires_at,omitempty"`
	Scopes    []string      `json:"scopes,omitempty"`
	LastError string        `json:"refresh_error,omitempty"` // code of a refresh that is tried again
	Pending   *PendingLogin `json:"pending_login,omitempty"`
}

// A PendingLogin waits for the person.
type PendingLogin struct {
	Flow      vault.Flow `json:"flow"`
	ExpiresAt time.Time  `json:"expires_at"`
	Orphaned  bool       `json:"orphaned,omitempty"` // the process that began it is gone: only pasting is left
}

// authStatus returns nil for a server that takes no login.
func (p *Proxy) authStatus(s auth.Server) (*AuthStatus, error) {
	st, err := p.opts.Authority.Status(s)
	if err != nil {
		return nil, &ServerError{Server: s.Name, Err: err}
	}
	out := &AuthStatus{State: st.State, Scopes: st.Scopes, LastError: st.RefreshError}
	if !st.ExpiresAt.IsZero() {
		out.ExpiresAt = new(st.ExpiresAt.UTC().Truncate(time.Second))
	}
	if st.Pending != nil {
		out.Pending = &PendingLogin{Flow: st.Pending.Flow, ExpiresAt: st.Pending.ExpiresAt.UTC().Truncate(time.Second), Orphaned: st.Pending.Orphaned}
	}
	return out, nil
}

// authorized corrects the state of a protected server by what the index of
// credentials says: a login, or the loss of one, may have happened in another
// process since the connection failed or was made.
func (p *Proxy) authorized(s auth.Server, c condition) condition {
	var needs *auth.NeedsAuthError
	lost := errors.As(c.err, &needs)
	st, err := p.authStatus(s)
	c.auth = st
	switch {
	case err != nil:
		if c.err == nil {
			c.err, c.stage = err, stageAuth
		}
	case st.State != auth.LoggedIn && (lost || c.word == string(upstream.Idle)):
		if !lost {
			c.err = &ServerError{Server: s.Name, Err: &auth.NeedsAuthError{Server: s.Name, Reason: auth.NoCredential}}
		}
		c.word, c.stage = needsAuth, stageAuth
	case lost && needs.Reason == auth.InsufficientScope:
		c.word, c.stage = needsAuth, stageAuth
	case lost:
		c = condition{word: string(upstream.Idle), auth: st}
	}
	return c
}

// stageAuth is where a server fails that will not let us in.
const stageAuth = "auth"

// isAuthorization reports errors that are no fault of the transport.
func isAuthorization(err error) bool {
	if s, ok := errors.AsType[*upstream.StatusError](err); ok && (s.Code == http.StatusUnauthorized || s.Code == http.StatusForbidden) {
		return true
	}
	return errors.As(err, new(*auth.NeedsAuthError)) || errors.As(err, new(*auth.ForbiddenError)) ||
		errors.As(err, new(*auth.RefreshError)) || errors.As(err, new(*vault.Error)) ||
		errors.As(err, new(*auth.ConfigError))
}
