package proxy

import (
	"context"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/catalog"
	"mcpproxy/catalog/names"
	"mcpproxy/proxy/mcptool"
	"mcpproxy/upstream"
)

// known returns what the server was last seen to offer. It is not known if
// the server was never listed, or said that its tools changed.
func (t *target) known() (catalog.Entry, bool) {
	if t.stale.Load() {
		return catalog.Entry{}, false
	}
	return t.session.proxy.opts.Catalog.Recent(t.ID, lookEvery)
}

// lookEvery is how late a call may see what another process has listed.
const lookEvery = 5 * time.Millisecond

// entry returns what the server offers, asking it if that is not known, or no
// longer fresh by the server's own word (ttlMs, MCP 2026-07-28, tools/list).
func (t *target) entry(ctx context.Context) (catalog.Entry, error) {
	old, ok := t.known()
	expires := t.expires.Load()
	if ok && (expires == 0 || time.Now().UnixNano() < expires) {
		return old, nil
	}
	e, err := t.list(ctx)
	if err != nil && ok {
		return old, nil
	}
	return e, err
}

// list asks the upstream for its tools and keeps them in the catalogue. A
// descriptor that cannot be read is left out; it does not hide the others.
func (t *target) list(ctx context.Context) (catalog.Entry, error) {
	e, _, err := t.inspect(ctx)
	return e, err
}

// inspect is list, and tells what the upstream said of itself.
func (t *target) inspect(ctx context.Context) (e catalog.Entry, self mcp.InitializeResult, err error) {
	wasStale := t.stale.Swap(false) // before asking: a change from now on counts again
	e.ID = t.ID
	var l upstream.ToolList
	err = t.with(ctx, "", func(ctx context.Context, s *upstream.Session) (err error) {
		e.InitializeFirst = s.InitializeFirst()
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
			t.session.proxy.opts.Log.Warn("tool left out", "server", t.Name, "error", err)
			continue
		}
		e.Tools = append(e.Tools, tool)
	}
	t.rest.Store(nil)
	if e.Partial = l.Err != nil; e.Partial {
		t.session.proxy.opts.Log.Warn("list of tools broken off", "server", t.Name, "tools", len(e.Tools), "error", l.Err)
		t.rest.Store(&ServerError{Server: t.Name, Err: l.Err})
		if old, ok := t.session.proxy.opts.Catalog.Get(t.ID); ok && len(old.Tools) > len(e.Tools) {
			e.Tools = old.Tools
		}
	}
	e.ListedAt = time.Now()
	t.session.proxy.opts.Catalog.Put(e)
	t.listed.Store(true)
	t.expires.Store(0)
	if l.TTL > 0 {
		t.expires.Store(e.ListedAt.Add(l.TTL).UnixNano())
	}
	return e, self, nil
}

// checkList lists a server that is up afresh, once, if what is known of it was
// listed by an earlier process: its tools may have changed since.
func (t *target) checkList() {
	if !t.listed.CompareAndSwap(false, true) {
		return
	}
	t.session.start(func() {
		if _, err := t.list(t.session.ctx); err != nil {
			t.session.proxy.opts.Log.Info("tools not listed afresh", "server", t.Name, "error", err)
		}
	})
}

// tool returns a tool that may be called; found is the tool if it was found
// already. One that is not known leads to one fresh list.
func (t *target) tool(ctx context.Context, name string, found *catalog.Tool) (catalog.Tool, error) {
	if found != nil && !t.stale.Load() {
		return *found, t.allows(*found)
	}
	t.session.lookup("tool")
	if e, ok := t.known(); ok {
		if tool, ok := mcptool.FindTool(t.Name, e.Tools, name); ok {
			return tool, t.allows(tool)
		}
	}
	return t.freshTool(ctx, name)
}

// freshTool is tool after a fresh list.
func (t *target) freshTool(ctx context.Context, name string) (catalog.Tool, error) {
	e, err := t.list(ctx)
	if err != nil {
		return catalog.Tool{}, err
	}
	tool, ok := mcptool.FindTool(t.Name, e.Tools, name)
	if !ok {
		return tool, &mcptool.UnknownToolError{Server: t.Name, Tool: name, Partial: e.Partial, Near: names.Nearest(name, mcptool.ShownNames(allowed(t.Server, e)), 3)}
	}
	return tool, t.allows(tool)
}

func (t *target) allows(tool catalog.Tool) error {
	if !t.Entry.ToolFilter.Allows(tool.Name) {
		return &BlockedError{Server: t.Name, Tool: tool.Name}
	}
	return nil
}
