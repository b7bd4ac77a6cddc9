package proxy

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/catalog"
	"mcpproxy/catalog/names"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/mcptool"
	"mcpproxy/upstream"
)

// known returns what the server was last seen to offer. It is not known if
// the server was never listed, or said that its tools changed.
func (p *Proxy) known(t *target) (catalog.Entry, bool) {
	if t.stale.Load() {
		return catalog.Entry{}, false
	}
	return p.opts.Catalog.Get(t.ID)
}

// entry returns what the server offers, asking it if that is not known, or no
// longer fresh by the server's own word (ttlMs, MCP 2026-07-28, tools/list).
func (p *Proxy) entry(ctx context.Context, t *target) (catalog.Entry, error) {
	old, ok := p.known(t)
	expires := t.expires.Load()
	if ok && (expires == 0 || time.Now().UnixNano() < expires) {
		return old, nil
	}
	e, err := p.list(ctx, t)
	if err != nil && ok {
		return old, nil
	}
	return e, err
}

// list asks the upstream for its tools and keeps them in the catalogue. A
// descriptor that cannot be read is left out; it does not hide the others.
func (p *Proxy) list(ctx context.Context, t *target) (catalog.Entry, error) {
	e, _, err := p.inspect(ctx, t)
	return e, err
}

// inspect is list, and tells what the upstream said of itself.
func (p *Proxy) inspect(ctx context.Context, t *target) (e catalog.Entry, self mcp.InitializeResult, err error) {
	wasStale := t.stale.Swap(false) // before asking: a change from now on counts again
	e.ID = t.ID
	var l upstream.ToolList
	err = p.with(ctx, t, "", func(ctx context.Context, s *upstream.Session) (err error) {
		if r := s.InitializeResult(); r != nil {
			self, e.Instructions = *r, r.Instructions
		}
		l, err = s.ListTools(ctx)
		return err
	})
	if err != nil {
		if wasStale {
			t.stale.Store(true)
		}
		return e, self, err
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
	t.listed.Store(true)
	t.expires.Store(0)
	if l.TTL > 0 {
		t.expires.Store(e.ListedAt.Add(l.TTL).UnixNano())
	}
	return e, self, nil
}

// checkList lists a server that is up afresh, once, if what is known of it was
// listed by an earlier process: its tools may have changed since.
func (p *Proxy) checkList(t *target) {
	if !t.listed.CompareAndSwap(false, true) {
		return
	}
	p.watch(func() {
		if _, err := p.list(p.ctx, t); err != nil {
			p.opts.Log.Info("tools not listed afresh", "server", t.Name, "error", err)
		}
	})
}

// tool returns a tool that may be called. One that is not known leads to one
// fresh list.
func (p *Proxy) tool(ctx context.Context, t *target, name string) (catalog.Tool, error) {
	if e, ok := p.known(t); ok {
		if tool, ok := mcptool.FindTool(t.Name, e.Tools, name); ok {
			return tool, t.allows(tool)
		}
	}
	return p.freshTool(ctx, t, name)
}

// freshTool is tool after a fresh list.
func (p *Proxy) freshTool(ctx context.Context, t *target, name string) (catalog.Tool, error) {
	e, err := p.list(ctx, t)
	if err != nil {
		return catalog.Tool{}, err
	}
	tool, ok := mcptool.FindTool(t.Name, e.Tools, name)
	if !ok {
		return tool, &mcptool.UnknownToolError{Server: t.Name, Tool: name, Near: names.Nearest(name, mcptool.ShownNames(allowed(t.Server, e)), 3)}
	}
	return tool, t.allows(tool)
}

func (t *target) allows(tool catalog.Tool) error {
	if !t.Entry.ToolFilter.Allows(tool.Name) {
		return &BlockedError{Server: t.Name, Tool: tool.Name}
	}
	return nil
}

// afreshStarts is how many servers ListAfresh asks at once.
const afreshStarts = 8

// A Listed tells how listing a server afresh went.
type Listed struct {
	Server string
	Tools  int // that the server's filter lets through
	Err    error
}

// ListAfresh lists the tools of a server afresh, or of all if server is empty,
// several at once. It calls each with every outcome, one at a time. Disabled
// servers are passed over; others that cannot be used have an error. It
// itself fails only on an unknown name, or with ctx.
func (p *Proxy) ListAfresh(ctx context.Context, server string, each func(Listed)) error {
	servers := p.config().Servers
	if server != "" {
		s, err := p.server(server)
		if err != nil {
			return err
		}
		servers = []*config.Server{s}
	}
	var telling sync.Mutex
	var wait sync.WaitGroup
	slots := make(chan struct{}, afreshStarts)
	for _, s := range servers {
		if _, off := errors.AsType[*config.DisabledError](s.Usable()); off && server == "" {
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			continue
		}
		wait.Go(func() {
			defer func() { <-slots }()
			r := p.listAfresh(ctx, s)
			telling.Lock()
			defer telling.Unlock()
			each(r)
		})
	}
	wait.Wait()
	return ctx.Err()
}

func (p *Proxy) listAfresh(ctx context.Context, s *config.Server) Listed {
	t, err := p.target(s.Name)
	if err != nil {
		return Listed{Server: s.Name, Err: err}
	}
	e, err := p.list(ctx, t)
	return Listed{Server: s.Name, Tools: len(allowed(s, e)), Err: err}
}
