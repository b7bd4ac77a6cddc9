package config

import (
	"reflect"
	"slices"
)

// Keeping returns c with the global servers and settings of old if the global
// file has become unreadable, so that a mistake in an editor removes no server.
// A project's are not kept, because a changed file is no longer trusted.
func (c *Config) Keeping(old *Config) *Config {
	isGlobal := func(s *Server) bool { return s.Layer == Global }
	broken := slices.ContainsFunc(c.Problems, func(p *Problem) bool { return len(c.Files) > 0 && p.File == c.Files[0] })
	if !broken || slices.ContainsFunc(c.Servers, isGlobal) {
		return c
	}
	kept := *c
	kept.Settings = old.Settings
	kept.Servers = slices.Clone(c.Servers)
	for _, s := range old.Servers {
		if isGlobal(s) && c.Server(s.Name) == nil {
			kept.Servers = append(kept.Servers, s)
		}
	}
	slices.SortFunc(kept.Servers, byName)
	return &kept
}

// Equal reports whether a server that was started as r is what q asks for.
func (r Resolved) Equal(q Resolved) bool {
	r.Secrets, q.Secrets = nil, nil // in no particular order
	return reflect.DeepEqual(r, q)
}
