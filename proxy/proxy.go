package proxy

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/auth"
	"mcpproxy/catalog"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/redact"
	"mcpproxy/proxy/results"
	"mcpproxy/upstream"
)

// Options are what a Proxy needs from its owner.
type Options struct {
	Config   *config.Config
	Load     func() *config.Config // reads the configuration again; nil keeps Config for good
	Catalog  *catalog.Catalog
	Getenv   func(string) (string, bool)
	Redactor *redact.Redactor
	Log      *slog.Logger
	StateDir string // folder of what must last: the last failure of each server; "" keeps none
	CacheDir string // folder of what can be rebuilt: results too large for a reply
	Version  string // of this program, as told to hosts and upstreams

	// Patient makes a caller wait for as long as a start may take. It is for a
	// process that lives for one request: its end would end the start as well,
	// and the next would begin anew.
	Patient bool

	// Authority obtains and renews the tokens of protected servers. It stays
	// the owner's to close, after the proxy. Nil: no server has any.
	Authority *auth.Authority
}

// A Proxy stands in front of all configured servers. Its methods are the
// actions of the mcp tool and of the command line. It is safe for concurrent
// use.
//
// Its goroutines, beside those of the connections, are counted by work, which
// Close ends and waits for.
type Proxy struct {
	opts     Options
	current  atomic.Pointer[config.Config]
	loading  chan struct{} // capacity 1: held while the configuration is loaded
	pool     *upstream.Pool
	failures failureRecord
	results  *results.Store
	work     sync.WaitGroup

	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	mu       sync.Mutex
	closed   bool
	targets  map[string]*target     // by server ID; made when first needed
	segments map[string]segment     // by server ID; made when first searched
	logins   map[string]*auth.Login // by server name: the newest one
}

// A target is a server that was needed.
type target struct {
	*config.Server
	up       *upstream.Upstream
	resolved config.Resolved
	auth     *auth.Server // nil if it takes no login
	schemas  sync.Map     // of the tools that were called, by name: compiled
	faulty   atomic.Bool  // a failure of it may be on record, also of an earlier process

	stale   atomic.Bool  // the upstream said that its tools changed
	listed  atomic.Bool  // its tools were listed by this process, or are about to be
	expires atomic.Int64 // when its list is no longer fresh, Unix nanoseconds; 0 is never
}

// New returns a proxy that has touched no server yet.
func New(o Options) *Proxy {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Proxy{
		opts:     o,
		loading:  make(chan struct{}, 1),
		failures: newFailureRecord(o.StateDir),
		results:  results.New(filepath.Join(o.CacheDir, "results"), o.Log),
		targets:  make(map[string]*target),
		segments: make(map[string]segment),
		logins:   make(map[string]*auth.Login),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.current.Store(o.Config)
	p.pool = upstream.NewPool(o.Config.Settings.Or(config.DefaultSettings).MaxConcurrentServers)
	return p
}

// watch runs f, which ends when p.ctx does, in a goroutine of the proxy.
func (p *Proxy) watch(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.work.Go(f)
	}
}

// Close ends all connections, with the running calls, waits for that, and
// removes the results that were stored.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	targets := p.targets
	p.targets = nil
	p.mu.Unlock()

	var wait sync.WaitGroup
	for _, t := range targets {
		wait.Go(t.up.Close)
	}
	p.cancel()
	wait.Wait()
	p.work.Wait()
	p.pool.Close()
	if err := p.results.Close(); err != nil {
		p.opts.Log.Warn("stored results not removed", "error", err)
	}
}

// target returns the server of that name, with a connection that is made when
// it is used.
func (p *Proxy) target(name string) (*target, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// Under the lock, so that a reload in this moment sees what is made here of
	// the old configuration: see [Proxy.outdated].
	s, err := p.server(name)
	if err != nil {
		return nil, err
	}
	if err := s.Usable(); err != nil {
		return nil, err
	}
	if p.closed {
		return nil, &ServerError{Server: s.Name, Err: upstream.ErrClosed}
	}
	if t := p.targets[s.ID]; t != nil {
		return t, nil
	}
	resolved, err := s.Resolve(p.opts.Getenv, p.config().Settings)
	if err != nil {
		return nil, &config.EntryError{Server: s.Name, Err: err}
	}
	p.opts.Redactor.Add(resolved.Secrets...)
	if p.opts.Patient {
		resolved.Upstream.WaitTimeout = upstream.Never // the start has a bound of its own
	}
	t := &target{Server: s, resolved: resolved}
	t.faulty.Store(true)
	o := upstream.Options{
		Client:       &mcp.Implementation{Name: "proxy", Version: p.opts.Version},
		Pool:         p.pool,
		Breaker:      resolved.Breaker,
		Failed:       func(st upstream.State) { p.failed(t, st) },
		Log:          p.opts.Log,
		Redact:       p.opts.Redactor.Redact,
		ToolsChanged: func() { t.stale.Store(true) },
		NotFault:     isAuthorization,
	}
	if protected, ok := p.protected(s, resolved); ok {
		t.auth = &protected
		o.Authorize = p.opts.Authority.Handler(protected)
	}
	t.up = upstream.New(s.Name, resolved.Upstream, o)
	p.targets[s.ID] = t
	return t, nil
}
