package proxy

import (
	"cmp"
	"errors"
	"time"

	"mcpproxy/auth"
	"mcpproxy/auth/vault"
	"mcpproxy/catalog"
	"mcpproxy/catalog/clean"
	"mcpproxy/proxy/config"
	"mcpproxy/upstream"
)

// The words for a server's status, beside those of a connection.
const (
	Untrusted upstream.Status = "untrusted"
	Disabled  upstream.Status = "disabled"
	NeedsAuth upstream.Status = "needs_auth" // only a login makes it usable
)

// Where a server fails before it is reached.
const (
	stageConfig upstream.Stage = "config" // before anything is started
	stageAuth   upstream.Stage = "auth"   // it will not let us in
)

// A ServerStatus is all that is known of a server without touching it.
type ServerStatus struct {
	Name       string          `json:"name"`
	Status     upstream.Status `json:"status"`
	Transport  string          `json:"transport,omitempty"` // unknown for an untrusted server
	ToolsCount *int            `json:"tools_count,omitempty"`
	LastError  *LastError      `json:"last_error,omitempty"`
	Auth       *AuthStatus     `json:"auth,omitempty"`
	Breaker    *BreakerStatus  `json:"breaker,omitempty"`
	Stderr     string          `json:"stderr,omitempty"` // while connecting: what its child has said last

	// Err says why the server cannot be used as it is, or failed last.
	Err error `json:"-"`

	server *config.Server
	stage  upstream.Stage // of Err
}

// A LastError is the last failure of a server that has not succeeded since.
type LastError struct {
	Stage   upstream.Stage `json:"stage"`
	Message string         `json:"message"`
	At      *time.Time     `json:"at,omitempty"` // RFC 3339; absent for what is wrong all the time
}

// A BreakerStatus is given while a server is left alone after faults.
type BreakerStatus struct {
	State upstream.BreakerState `json:"state"`
	Retry int                   `json:"retry_in_seconds"`
}

// AuthStatus is what is known of a server's credential without asking the
// keyring.
type AuthStatus struct {
	State     auth.State    `json:"state,omitempty"` // logged_in, needs_login or expired; absent if it is connected without a login
	ExpiresAt *time.Time    `json:"expires_at,omitempty"`
	Scopes    []string      `json:"scopes,omitempty"`
	LastError string        `json:"refresh_error,omitempty"` // code of the last refresh, if it failed
	Pending   *PendingLogin `json:"pending_login,omitempty"`
}

// A PendingLogin waits for the person.
type PendingLogin struct {
	Flow      vault.Flow `json:"flow"`
	ExpiresAt time.Time  `json:"expires_at"`
	Orphaned  bool       `json:"orphaned,omitempty"` // the process that began it is gone: only pasting is left
}

// A ConfigProblem is something wrong with a configuration file as a whole.
type ConfigProblem struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Status returns the status of one server, or of all if it is nil, without
// touching any.
func (v *View) Status(s *config.Server) []ServerStatus {
	list := []ServerStatus{}
	recorded, infos := v.session.proxy.failures.read(), v.catalog().Infos()
	for _, server := range v.servers(s) {
		st := v.status(server, infos)
		if f, ok := recorded[server.ID]; ok && st.LastError == nil && st.Status == upstream.Idle {
			st.LastError = f.lastError() // of another proxy, or of an earlier life of this one
		}
		list = append(list, st)
	}
	return list
}

func (v *View) status(s *config.Server, infos map[string]catalog.Info) ServerStatus {
	c := v.condition(s)
	if c.stderr != "" {
		c.stderr = lastLines(v.session.proxy.opts.Redactor.Redact(c.stderr))
	}
	st := ServerStatus{
		Name: s.Name, Status: c.status, Transport: s.Entry.Type, ToolsCount: v.toolsCount(s, infos),
		Auth: c.auth, Err: c.err, Stderr: c.stderr, server: s, stage: c.stage,
	}
	if c.err == nil || c.status == Untrusted || c.status == Disabled || c.status == NeedsAuth {
		return st
	}
	if c.status == upstream.CoolingDown {
		st.Breaker = &BreakerStatus{State: upstream.Open, Retry: c.retry}
	}
	f := v.session.proxy.failure(c.err)
	if f.At = c.at; f.Stage != stageAuth { // the handshake that a login was needed for is not at fault
		f.Stage = cmp.Or(c.stage, f.Stage)
	}
	st.LastError = f.lastError()
	return st
}

// A condition is a server's state.
type condition struct {
	status upstream.Status
	err    error          // why the server cannot be used as it is, or failed last
	stage  upstream.Stage // of err, if it happened at one
	at     time.Time      // of err; zero for what is wrong all the time
	auth   *AuthStatus
	retry  int    // seconds for which it is left alone, if it is cooling down
	stderr string // of a child that is starting
}

func (v *View) condition(s *config.Server) condition {
	t, _ := v.session.found(s.ID)
	if t == nil {
		return v.untouched(s)
	}
	st := t.up.State()
	c := condition{status: st.Status, stage: st.Stage, at: st.At, stderr: st.Stderr}
	if st.Status == upstream.CoolingDown {
		c.retry = secondsUntil(time.Now().Add(st.Breaker.RetryIn))
	}
	if st.Last != nil {
		c.err = &ServerError{Server: s.Name, Err: st.Last}
	}
	if t.auth != nil {
		return v.session.proxy.authorized(*t.auth, c)
	}
	return c
}

// untouched is the condition of a server that was not needed yet.
func (v *View) untouched(s *config.Server) condition {
	if err := s.Usable(); err != nil {
		c := condition{status: upstream.Failed, err: err, stage: stageConfig}
		if _, ok := errors.AsType[*config.UntrustedError](err); ok {
			c.status, c.stage = Untrusted, ""
		}
		if _, ok := errors.AsType[*config.DisabledError](err); ok {
			c.status, c.stage = Disabled, ""
		}
		return c
	}
	r, err := v.resolve(s)
	if err != nil {
		return condition{status: upstream.Failed, err: err, stage: stageConfig}
	}
	c := condition{status: upstream.Idle}
	if protected, ok := v.session.proxy.protected(s, r); ok {
		return v.session.proxy.authorized(protected, c)
	}
	return c
}

// Problems returns what is wrong with the files, with secrets masked.
func (v *View) Problems() (list []ConfigProblem) {
	redact := v.session.proxy.opts.Redactor.Redact
	for _, pr := range v.config.Problems {
		list = append(list, ConfigProblem{File: pr.File, Line: pr.Line, Message: redact(pr.Message), Hint: redact(pr.Hint)})
	}
	return list
}

// toolsCount returns how many tools the server is known to offer, if it is.
func (v *View) toolsCount(s *config.Server, infos map[string]catalog.Info) *int {
	if s.Untrusted {
		return nil
	}
	info, ok := infos[s.ID]
	if !ok {
		return nil
	}
	if !s.Entry.ToolFilter.IsZero() {
		e, _ := v.catalog().Get(s.ID)
		info.Tools = len(allowed(s, e))
	}
	return &info.Tools
}

// summary says in a few words what a server is for: its entry's description,
// else the beginning of its own instructions as last seen.
func summary(s *config.Server, infos map[string]catalog.Info) string {
	if s.Untrusted {
		return ""
	}
	if s.Entry.Description != "" {
		return clean.FirstSentence(s.Entry.Description, maxSummary)
	}
	return infos[s.ID].Summary
}
