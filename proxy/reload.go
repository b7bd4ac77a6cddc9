package proxy

import (
	"context"
	"errors"
	"slices"

	"mcpproxy/proxy/config"
	"mcpproxy/upstream"
)

// config returns the configuration as last loaded.
func (p *Proxy) config() *config.Config { return p.current.Load() }

// reload loads the configuration again if a file of it changed. Each action
// begins with it, so that no watcher is needed. Servers whose entry is equal
// stay as they are; the others are replaced, and closed after their calls.
func (p *Proxy) reload() {
	if p.opts.Load == nil || !p.config().Changed() {
		return
	}
	p.loading <- struct{}{} // one at a time; the others find their work done
	defer func() { <-p.loading }()
	old := p.config()
	if !old.Changed() {
		return
	}
	fresh := p.opts.Load().Keeping(old)
	p.current.Store(fresh)
	p.pool.Resize(fresh.Settings.Or(config.DefaultSettings).MaxConcurrentServers)
	for _, problem := range fresh.Problems {
		p.opts.Log.Error("configuration", "problem", problem)
	}
	for _, t := range p.outdated(fresh) {
		p.watch(func() { t.up.Drain(p.ctx) })
	}
}

// outdated takes the targets out of use that the configuration does not have
// as they are.
func (p *Proxy) outdated(fresh *config.Config) (gone []*target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, t := range p.targets {
		i := slices.IndexFunc(fresh.Servers, func(s *config.Server) bool { return s.ID == id })
		if i >= 0 && fresh.Servers[i].Usable() == nil {
			r, err := fresh.Servers[i].Resolve(p.opts.Getenv, fresh.Settings)
			if err == nil && r.Equal(t.resolved) {
				continue
			}
		}
		delete(p.targets, id)
		gone = append(gone, t)
	}
	return gone
}

// with lends fn a live session of the server, to call the tool if one is
// named. A target that a reload replaced in this moment is asked for anew.
func (p *Proxy) with(ctx context.Context, t *target, tool string, fn func(context.Context, *upstream.Session) error) error {
	err := t.up.With(ctx, fn)
	for errors.Is(err, upstream.ErrClosed) {
		fresh, gone := p.target(t.Name)
		if gone != nil {
			return gone
		}
		t = fresh
		err = t.up.With(ctx, fn)
	}
	if err != nil {
		return &ServerError{Server: t.Name, Tool: tool, Err: err}
	}
	p.recovered(t)
	return nil
}
