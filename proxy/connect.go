package proxy

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"mcpproxy/catalog/clean"
	"mcpproxy/proxy/config"
)

// A Connection is what a server says of itself when it is connected.
type Connection struct {
	Server   string `json:"server"`
	Name     string `json:"server_name,omitempty"`
	Version  string `json:"server_version,omitempty"`
	Protocol string `json:"protocol_version"`
	Tools    int    `json:"tools_count"`
}

// Connect connects to the server and lists its tools afresh.
func (v *View) Connect(ctx context.Context, s *config.Server) (Connection, error) {
	t, err := v.target(s)
	if err != nil {
		return Connection{}, err
	}
	if err := t.up.Connect(ctx); err != nil {
		return Connection{}, &ServerError{Server: t.Name, Err: err}
	}
	e, self, err := t.inspect(ctx)
	if err != nil {
		return Connection{}, err
	}
	c := Connection{Server: t.Name, Protocol: self.ProtocolVersion, Tools: len(allowed(t.Server, e))}
	if about := self.ServerInfo; about != nil {
		c.Name, c.Version = clean.Line(about.Name, maxSummary), clean.Line(about.Version, maxSummary)
	}
	return c, nil
}

// freshLists is how many servers ListAfresh asks at once.
const freshLists = 8

// A Listed tells how listing a server afresh went.
type Listed struct {
	Server string
	Tools  int // that the server's filter lets through
	Err    error
}

// ListAfresh lists the tools of the server afresh, or of all if it is nil, eight
// at once. It calls each with every outcome, one at a time. Disabled servers are
// passed over unless they are asked for; others that cannot be used have an
// error. It itself fails with ctx only.
func (v *View) ListAfresh(ctx context.Context, s *config.Server, each func(Listed)) error {
	var telling sync.Mutex
	var g errgroup.Group
	g.SetLimit(freshLists)
	for _, server := range v.servers(s) {
		if _, off := errors.AsType[*config.DisabledError](server.Usable()); off && s == nil {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			r := v.listAfresh(ctx, server)
			telling.Lock()
			defer telling.Unlock()
			each(r)
			return nil
		})
	}
	_ = g.Wait() // each outcome was told
	return ctx.Err()
}

func (v *View) listAfresh(ctx context.Context, s *config.Server) Listed {
	t, err := v.target(s)
	if err != nil {
		return Listed{Server: s.Name, Err: err}
	}
	e, err := t.list(ctx)
	return Listed{Server: s.Name, Tools: len(allowed(s, e)), Err: err}
}
