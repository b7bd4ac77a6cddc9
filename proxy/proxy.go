package proxy

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	sdkauth "github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/catalog"
	"mcpproxy/upstream"
)

// Options are what a Proxy needs from its owner.
type Options struct {
	Config   *Config
	Catalog  *catalog.Catalog
	Getenv   func(string) (string, bool)
	Redactor *Redactor
	Log      *slog.Logger
	Version  string // of this program, as told to hosts and upstreams

	// Authorizer returns what obtains and renews the tokens of a server, or
	// nil if it needs none. Nil: no server has any.
	Authorizer func(*Server, Resolved) sdkauth.OAuthHandler
}

// A Proxy stands in front of all configured servers. Its methods are the
// actions of the mcp tool and of the command line. It is safe for concurrent
// use.
type Proxy struct {
	opts Options

	mu       sync.Mutex
	closed   bool
	targets  map[string]*target // by server ID; made when first needed
	segments map[string]segment // by server ID; made when first searched
}

// A target is a server that was needed.
type target struct {
	*Server
	up    *upstream.Upstream
	stale atomic.Bool // the upstream said that its tools changed
}

// New returns a proxy that has touched no server yet.
func New(o Options) *Proxy {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Proxy{opts: o, targets: make(map[string]*target), segments: make(map[string]segment)}
}

// Close ends all connections, with the running calls, and waits for that.
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
	wait.Wait()
}

// usable returns an error if the server may not or cannot be used.
func usable(s *Server) error {
	switch {
	case s.Untrusted:
		return &UntrustedError{Server: s.Name, Dir: s.ProjectDir()}
	case s.Problem != nil:
		return &ConfigError{Server: s.Name, Err: s.Problem}
	case s.Entry.Disabled:
		return &DisabledError{Server: s.Name, File: s.File}
	}
	return nil
}

// target returns the server of that name, with a connection that is made when
// it is used.
func (p *Proxy) target(name string) (*target, error) {
	s, err := p.server(name)
	if err != nil {
		return nil, err
	}
	if err := usable(s); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, &ServerError{Server: s.Name, Err: upstream.ErrClosed}
	}
	if t := p.targets[s.ID]; t != nil {
		return t, nil
	}
	resolved, err := s.Resolve(p.opts.Getenv, p.opts.Config.Settings)
	if err != nil {
		return nil, &ConfigError{Server: s.Name, Err: err}
	}
	p.opts.Redactor.Add(resolved.Secrets...)
	t := &target{Server: s}
	o := upstream.Options{
		Client:       &mcp.Implementation{Name: "proxy", Version: p.opts.Version},
		Log:          p.opts.Log.With("server", s.Name),
		Redact:       p.opts.Redactor.Redact,
		ToolsChanged: func() { t.stale.Store(true) },
	}
	if p.opts.Authorizer != nil {
		o.Authorize = p.opts.Authorizer(s, resolved)
	}
	t.up = upstream.New(s.Name, resolved.Upstream, o)
	p.targets[s.ID] = t
	return t, nil
}

// with lends fn a live session of the server, to call the tool if one is named.
func (t *target) with(ctx context.Context, tool string, fn func(context.Context, *upstream.Session) error) error {
	if err := t.up.With(ctx, fn); err != nil {
		return &ServerError{Server: t.Name, Tool: tool, Err: err}
	}
	return nil
}

// known returns what the server was last seen to offer. It is not known if
// the server was never listed, or said that its tools changed.
func (p *Proxy) known(t *target) (catalog.Entry, bool) {
	if t.stale.Load() {
		return catalog.Entry{}, false
	}
	return p.opts.Catalog.Get(t.ID)
}

// entry returns what the server offers, asking it if that is not known.
func (p *Proxy) entry(ctx context.Context, t *target) (catalog.Entry, error) {
	if e, ok := p.known(t); ok {
		return e, nil
	}
	return p.list(ctx, t)
}

// list asks the upstream for its tools and keeps them in the catalogue. A
// descriptor that cannot be read is left out; it does not hide the others.
func (p *Proxy) list(ctx context.Context, t *target) (catalog.Entry, error) {
	t.stale.Store(false) // before asking: a change from now on counts again
	e := catalog.Entry{ID: t.ID}
	var l upstream.ToolList
	err := t.with(ctx, "", func(ctx context.Context, s *upstream.Session) (err error) {
		if r := s.InitializeResult(); r != nil {
			e.Instructions = r.Instructions
		}
		l, err = s.ListTools(ctx)
		return err
	})
	if err != nil {
		return e, err
	}
	for _, raw := range l.Tools {
		tool, err := catalog.ParseTool(raw)
		if err != nil {
			p.opts.Log.Warn("tool left out", "server", t.Name, "error", err)
			continue
		}
		e.Tools = append(e.Tools, tool)
	}
	if l.Cut {
		p.opts.Log.Warn("list of tools cut", "server", t.Name, "tools", len(e.Tools))
	}
	e.ListedAt = time.Now()
	p.opts.Catalog.Put(e)
	return e, nil
}

// tool returns a tool that may be called. One that is not known leads to one
// fresh list.
func (p *Proxy) tool(ctx context.Context, t *target, name string) (catalog.Tool, error) {
	var tool catalog.Tool
	e, found := p.known(t)
	if found {
		tool, found = findTool(t.Name, e.Tools, name)
	}
	if !found {
		e, err := p.list(ctx, t)
		if err != nil {
			return tool, err
		}
		if tool, found = findTool(t.Name, e.Tools, name); !found {
			return tool, &UnknownToolError{Server: t.Name, Tool: name, Near: Nearest(name, namesOf(allowed(t.Server, e)), 3)}
		}
	}
	if !t.Entry.ToolFilter.Allows(tool.Name) {
		return tool, &BlockedError{Server: t.Name, Tool: tool.Name}
	}
	return tool, nil
}
