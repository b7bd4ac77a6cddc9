package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"time"

	"mcpproxy/auth"
	"mcpproxy/catalog"
	"mcpproxy/upstream"
)

// A Layer is one of the configuration files.
type Layer string

const (
	Global  Layer = "global"
	Project Layer = "project"
)

// A Config is what both layers say together. It is immutable; a file that
// changed is loaded into a new one.
type Config struct {
	Servers  []*Server  // sorted by name; the project's win over the global ones
	Problems []*Problem // what is wrong with a file as a whole, not with one server
	Settings Settings   // as written, see [DefaultSettings]
	Files    []string   // every file that was read or looked for, for noticing changes

	stamps []stamp // of Files, taken before they were read
}

// Server returns the server of that name, or nil.
func (c *Config) Server(name string) *Server {
	for _, s := range c.Servers {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// A Server is one entry of mcpServers, as written: placeholders are kept.
type Server struct {
	Name  string
	Layer Layer
	File  string
	// ID identifies the entry: a hash of it as written and, for a project's,
	// of the project's path. Equal IDs mean equal settings.
	ID    string
	Entry Entry // zero for an untrusted server

	// Problem says why this entry, and no other, cannot be used. More are the
	// further problems of it.
	Problem *Problem
	More    []*Problem
	// Untrusted is set for a project's server until the person has run
	// "proxy trust": nothing of it but its name may be used or shown.
	Untrusted bool

	lines map[string]int // of the entry's values by field, see decoder
}

// ProjectDir returns the folder that holds the project's .proxy folder, or ""
// for a server of the global layer.
func (s *Server) ProjectDir() string {
	if s.Layer != Project {
		return ""
	}
	return filepath.Dir(filepath.Dir(s.File))
}

// An Entry holds the settings of one server, each declared by the package
// that obeys it.
type Entry struct {
	upstream.Config
	OAuth          *auth.Config   `json:"oauth,omitempty"`
	ToolFilter     catalog.Filter `json:"tool_filter,omitzero"`
	Description    string         `json:"description,omitempty"`
	Disabled       bool           `json:"disabled,omitempty"`
	MaxResultBytes *int           `json:"max_result_bytes,omitempty"` // 0 is off
}

// Settings hold for the proxy as a whole, or as defaults for all servers.
// Only the global layer may hold them.
type Settings struct {
	upstream.Limits
	MaxConcurrentServers int                    `json:"max_concurrent_servers,omitempty"`
	Breaker              upstream.BreakerConfig `json:"breaker,omitzero"`
	MaxResultBytes       *int                   `json:"max_result_bytes,omitempty"` // 0 is off
	TokenStore           string                 `json:"token_store,omitempty"`      // "keyring" (default) or "file"
}

// DefaultSettings hold where the file says nothing.
var DefaultSettings = Settings{
	Limits:               upstream.DefaultLimits,
	MaxConcurrentServers: 10,
	Breaker:              upstream.BreakerConfig{FailThreshold: 3, Cooldown: upstream.Duration(60 * time.Second)},
	MaxResultBytes:       new(49152),
	TokenStore:           "keyring",
}

// Or returns s with each value that is not set taken from d.
func (s Settings) Or(d Settings) Settings {
	s.Limits = s.Limits.Or(d.Limits)
	s.MaxConcurrentServers = cmp.Or(s.MaxConcurrentServers, d.MaxConcurrentServers)
	s.Breaker.FailThreshold = cmp.Or(s.Breaker.FailThreshold, d.Breaker.FailThreshold)
	s.Breaker.Cooldown = cmp.Or(s.Breaker.Cooldown, d.Breaker.Cooldown)
	s.MaxResultBytes = cmp.Or(s.MaxResultBytes, d.MaxResultBytes)
	s.TokenStore = cmp.Or(s.TokenStore, d.TokenStore)
	return s
}

// A Problem is a mistake in a configuration file, with its line.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"` // 1-based; 0 if the problem has no line
	Message string `json:"message"`        // the fact, one sentence
	Hint    string `json:"hint,omitempty"` // how to correct it, may be empty
}

func (p *Problem) Error() string {
	if p.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message)
	}
	return fmt.Sprintf("%s: %s", p.File, p.Message)
}

// Resolved is an entry with its placeholders substituted, and with what it
// leaves open filled in from the settings and their defaults.
type Resolved struct {
	Upstream       upstream.Config
	OAuth          *auth.Config
	Breaker        upstream.BreakerConfig
	MaxResultBytes int      // 0 is off
	Secrets        []string // values that must never be shown, for a redactor to mask
}
