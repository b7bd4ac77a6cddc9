package proxy

import (
	"fmt"

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
	Problems []*Problem // files that could not be read or parsed
	Settings Settings
	Files    []string // every file that was read or looked for, for noticing changes
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
	// of the project's path. Equal IDs mean that nothing about the server changed.
	ID    string
	Entry Entry // zero for an untrusted server

	// Problem says why the entry cannot be used; other entries are not harmed.
	Problem *Problem
	// Untrusted is set for a project's server until the person has run
	// "proxy trust": nothing of it but its name may be used or shown.
	Untrusted bool
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
	MaxConcurrentServers int             `json:"max_concurrent_servers,omitempty"`
	Breaker              BreakerSettings `json:"breaker,omitzero"`
	MaxResultBytes       *int            `json:"max_result_bytes,omitempty"` // 0 is off
	TokenStore           string          `json:"token_store,omitempty"`      // "keyring" (default) or "file"
}

// BreakerSettings say when an upstream is left alone for a while.
type BreakerSettings struct {
	FailThreshold int               `json:"fail_threshold,omitempty"` // consecutive transport faults that open it
	Cooldown      upstream.Duration `json:"cooldown,omitempty"`       // before one probe is let through
}

// A Problem is something wrong in a configuration file, with its place.
type Problem struct {
	File    string
	Line    int    // 1-based; 0 if the problem has no line
	Message string // the fact, one sentence
	Hint    string // what to do about it, may be empty
}

func (p *Problem) Error() string {
	if p.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message)
	}
	return fmt.Sprintf("%s: %s", p.File, p.Message)
}

// Resolved is an entry with its placeholders substituted.
type Resolved struct {
	Upstream upstream.Config // limits filled in from the settings and defaults
	OAuth    *auth.Config
	Secrets  []string // values that must never be shown, see Redactor
}
