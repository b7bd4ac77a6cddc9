package proxy

import (
	"log/slog"
	"path/filepath"

	"mcpproxy/auth"
	"mcpproxy/catalog"
	"mcpproxy/proxy/redact"
	"mcpproxy/proxy/results"
	"mcpproxy/upstream"
)

// Options are what a Proxy needs from its owner. StateDir, Log and Authority may
// be left out.
type Options struct {
	Catalog  *catalog.Catalog
	Redactor *redact.Redactor
	Log      *slog.Logger // nil: nothing is logged
	StateDir string       // folder of what must last: the last failure of each server; "" keeps none
	CacheDir string       // folder of what can be rebuilt: results too large for a reply
	Version  string       // of this program, as told to hosts and upstreams

	// Authority obtains and renews the tokens of protected servers. It stays
	// the owner's to close, after the proxy. Nil: no server has any.
	Authority *auth.Authority
}

// A Proxy holds what belongs to the process: the catalogue, the limit on
// connections, the stored results, the record of failures. What belongs to one
// host is a [Session]. It is safe for concurrent use and has no goroutine.
type Proxy struct {
	opts     Options
	pool     *upstream.Pool
	failures failureRecord
	results  *results.Store
	index    searchIndex
}

// New returns a proxy without sessions. It touches nothing yet.
func New(o Options) *Proxy {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Proxy{
		opts:     o,
		pool:     upstream.NewPool(0),
		failures: newFailureRecord(o.StateDir),
		results:  results.New(filepath.Join(o.CacheDir, "results"), o.Log),
	}
}

// Close removes the results that were stored. Its sessions must be closed.
func (p *Proxy) Close() {
	p.pool.Close()
	if err := p.results.Close(); err != nil {
		p.opts.Log.Warn("stored results not removed", "error", err)
	}
}
