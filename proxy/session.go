package proxy

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"mcpproxy/auth"
	"mcpproxy/proxy/config"
	"mcpproxy/upstream"
)

// SessionOptions are what a session needs from its owner.
type SessionOptions struct {
	Config *config.Config
	Load   func() *config.Config // reads the configuration again; nil keeps Config for good
	Getenv func(string) (string, bool)

	// Patient makes a caller wait for as long as a start may take. It is for a
	// process that lives for one request: its end would end the start as well,
	// and the next would begin anew.
	Patient bool

	// Stderr, if not nil, is called with each line that a server's child writes
	// to stderr, secrets masked. It must not block.
	Stderr func(server, line string)

	// Kill, when it ends, makes Close kill what it would ask to end. Nil: never.
	Kill context.Context
}

// A Session is what belongs to one host or one command: its configuration and
// environment, the servers that it needed, the logins that it began. It is safe
// for concurrent use.
//
// Its goroutines, beside those of the connections, are counted by work. Close
// ends them and waits.
type Session struct {
	proxy *Proxy
	opts  SessionOptions

	current atomic.Pointer[View] // the newest; changes under mu
	loading chan struct{}        // capacity 1: held while the configuration is loaded

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup

	killing context.Context // ends when children are to be killed
	kill    context.CancelFunc

	testOnlyLookup func(what string) // told of each look-up of a "server" or "tool"; nil but in tests

	mu      sync.Mutex
	closed  bool
	targets map[string]*target     // by server ID; made when first needed
	logins  map[string]*auth.Login // by server name: the newest one
	unseen  map[string]bool        // by server name: the host was asked to show a link and has not agreed
	noLinks bool                   // the host refused to show one, although it offers to
}

// NewSession returns a session that has touched no server yet. The caller
// closes it before the proxy.
func (p *Proxy) NewSession(o SessionOptions) *Session {
	s := &Session{
		proxy:   p,
		opts:    o,
		loading: make(chan struct{}, 1),
		targets: make(map[string]*target),
		logins:  make(map[string]*auth.Login),
		unseen:  make(map[string]bool),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if o.Kill == nil {
		o.Kill = context.Background()
	}
	s.killing, s.kill = context.WithCancel(o.Kill)
	s.current.Store(newView(s, o.Config))
	s.limit(o.Config)
	return s
}

// lookup tells a test that something is looked up by name.
func (s *Session) lookup(what string) {
	if s.testOnlyLookup != nil {
		s.testOnlyLookup(what)
	}
}

// limit bounds the connections of the process as the configuration says.
func (s *Session) limit(c *config.Config) {
	s.proxy.pool.Resize(c.Settings.Or(config.DefaultSettings).MaxConcurrentServers)
}

// start runs f, which ends soon after s.ctx does, in a goroutine of the session.
func (s *Session) start(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.work.Go(f)
	}
}

// closeWithin bounds the time that children have to end. With what comes before
// in Serve, and what a process needs to end, a host waits 1.8 s at most
// (DESIGN, section 6).
const closeWithin = 1200 * time.Millisecond

// Close ends all connections, with the running calls, and waits for that. A
// child that has not ended in time is killed.
func (s *Session) Close() {
	defer s.kill()
	defer time.AfterFunc(closeWithin, s.kill).Stop()
	s.mu.Lock()
	s.closed = true
	targets := s.targets
	s.targets = nil
	s.mu.Unlock()

	var wait sync.WaitGroup
	for _, t := range targets {
		wait.Go(t.up.Close)
	}
	s.cancel()
	wait.Wait()
	s.work.Wait()
}

// View returns the configuration as it is now: a file of it that changed is
// read again first, so that no watcher is needed. Servers whose entry is equal
// stay as they are; the others are replaced, and closed after their calls. ctx
// bounds the wait for another request that reads the files.
func (s *Session) View(ctx context.Context) *View {
	if s.opts.Load == nil || !s.current.Load().config.Changed() {
		return s.current.Load()
	}
	select {
	case s.loading <- struct{}{}: // one at a time; the others find their work done
	case <-ctx.Done():
		return s.current.Load()
	}
	defer func() { <-s.loading }()
	old := s.current.Load()
	if !old.config.Changed() {
		return old
	}
	fresh := newView(s, s.opts.Load().Keeping(old.config))
	s.limit(fresh.config)
	for _, problem := range fresh.config.Problems {
		s.proxy.opts.Log.Error("configuration", "problem", problem)
	}
	for _, t := range s.replace(fresh) {
		s.start(func() { t.up.Drain(s.ctx) })
	}
	return fresh
}

// replace makes fresh the newest view, and takes the targets out of use that it
// does not have as they are.
func (s *Session) replace(fresh *View) (outdated []*target) {
	s.mu.Lock()
	s.current.Store(fresh) // from now on no target of an older view is added, see add
	var all []*target
	for _, t := range s.targets {
		all = append(all, t)
	}
	s.mu.Unlock()

	// Resolving reads the environment and compares deeply, so it is not done
	// under the mutex.
	for _, t := range all {
		if !fresh.hasEqual(t) {
			outdated = append(outdated, t)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range outdated {
		if s.targets[t.ID] == t {
			delete(s.targets, t.ID)
		}
	}
	return outdated
}

// found returns the target of a server, if there is one. Errors: ErrClosed.
func (s *Session) found(id string) (*target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, upstream.ErrClosed
	}
	return s.targets[id], nil
}

// add puts a target of v into use and returns it, or the one that came first.
// Error: ErrClosed, also if v is no longer the newest view, because a target
// that is added after a reload would never be replaced.
func (s *Session) add(v *View, t *target) (*target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed || s.current.Load() != v:
		return nil, upstream.ErrClosed
	case s.targets[t.ID] == nil:
		s.targets[t.ID] = t
	}
	return s.targets[t.ID], nil
}

// ended reports whether the session was closed.
func (s *Session) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}
