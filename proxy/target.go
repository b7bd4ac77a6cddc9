package proxy

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/auth"
	"mcpproxy/auth/vault"
	"mcpproxy/proxy/config"
	"mcpproxy/upstream"
)

// A target is a server that a session needed, with its connection.
type target struct {
	*config.Server
	session  *Session
	up       *upstream.Upstream
	resolved config.Resolved
	auth     *auth.Server // nil if it takes no login
	schemas  sync.Map     // of the tools that were called, by name: compiled
	faulty   atomic.Bool  // a failure of it may be on record, also of an earlier process

	stale   atomic.Bool                 // the upstream said that its tools changed
	listed  atomic.Bool                 // its tools were listed by this session, or are about to be
	rest    atomic.Pointer[ServerError] // why only a part of its list came, nil if it is whole
	expires atomic.Int64                // when its list is no longer fresh, Unix nanoseconds; 0 is never
}

// target returns the server with its connection, which is made when it is used.
// The error holds upstream.ErrClosed if a reload has replaced the view or the
// session ends: nothing was sent then, and a request may begin anew.
func (v *View) target(s *config.Server) (*target, error) {
	if err := s.Usable(); err != nil {
		return nil, err
	}
	t, err := v.session.found(s.ID)
	if err == nil && t == nil {
		if t, err = v.newTarget(s); err != nil {
			return nil, err
		}
		t, err = v.session.add(v, t)
	}
	if err != nil {
		return nil, &ServerError{Server: s.Name, Err: err}
	}
	return t, nil
}

// newTarget resolves a server's entry and prepares its connection.
func (v *View) newTarget(s *config.Server) (*target, error) {
	p := v.session.proxy
	resolved, err := v.resolve(s)
	if err != nil {
		return nil, err
	}
	p.opts.Redactor.Add(resolved.Secrets...)
	t := &target{Server: s, session: v.session, resolved: resolved}
	t.faulty.Store(true)
	o := upstream.Options{
		Client:  &mcp.Implementation{Name: "proxy", Version: p.opts.Version},
		Pool:    p.pool,
		Breaker: resolved.Breaker,
		Failed:  func(st upstream.State) { t.failed(st) },
		Log:     p.opts.Log,
		Redact:  p.opts.Redactor.Redact,
		Kill:    v.session.killing,

		InitializeFirst: v.catalog().Infos()[s.ID].InitializeFirst,
		ToolsChanged:    func() { t.stale.Store(true) },
		NotFault:        isAuthorization,
	}
	if hear := v.session.opts.Stderr; hear != nil {
		o.Stderr = func(line string) { hear(s.Name, line) }
	}
	if protected, ok := p.protected(s, resolved); ok {
		t.auth = &protected
		o.Authorize = p.opts.Authority.Handler(protected)
	}
	t.up = upstream.New(s.Name, resolved.Upstream, o)
	return t, nil
}

// hasEqual reports whether the view has the target's server just as it was
// started.
func (v *View) hasEqual(t *target) bool {
	s, err := v.Server(t.Name)
	if err != nil || s.ID != t.ID || s.Usable() != nil {
		return false
	}
	r, err := v.resolve(s)
	return err == nil && r.Equal(t.resolved)
}

// resolve returns a server's entry as this session uses it. Error:
// *config.EntryError.
func (v *View) resolve(s *config.Server) (config.Resolved, error) {
	r, err := s.Resolve(v.session.opts.Getenv, v.config.Settings)
	if err != nil {
		return r, &config.EntryError{Server: s.Name, Err: err}
	}
	if v.session.opts.Patient {
		r.Upstream.WaitTimeout = upstream.Never // the start has a bound of its own
	}
	return r, nil
}

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

// with lends fn a live session of the server, to call the tool if one is named.
func (t *target) with(ctx context.Context, tool string, fn func(context.Context, *upstream.Session) error) error {
	if err := t.up.With(ctx, fn); err != nil {
		return &ServerError{Server: t.Name, Tool: tool, Err: t.refusedAnew(err)}
	}
	t.recovered()
	return nil
}

var errRefusedAnew = errors.New("it refused a token that was just issued")

// refusedAnew returns what a 401 means that comes of a login although nobody needs to
// log in: the token was renewed for this request, and the new one was refused as well.
// It may have lived too briefly to arrive.
func (t *target) refusedAnew(err error) error {
	status, refused := refusal(err)
	if !refused || status.Code != http.StatusUnauthorized || t.auth == nil || isOfAuth(err) {
		return err
	}
	return &auth.RefreshError{Server: t.Name, RetryAt: time.Now().Add(time.Second), Err: errRefusedAnew}
}
