package proxy

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/catalog"
	"mcpproxy/catalog/clean"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/mcptool"
	"mcpproxy/upstream"
)

// The words for a server's state, beside those of a connection.
const (
	untrusted = "untrusted"
	disabled  = "disabled"

	stageConfig = "config" // before anything is started
)

// Bounds on foreign text in listings, in characters.
const (
	pageSize           = 50
	maxDescription     = 300
	maxFullDescription = 8000
	maxInstructions    = 2000
	maxSummary         = 100
)

// A ServerList is the answer to list_servers.
type ServerList struct {
	Servers  []ServerItem    `json:"servers"`
	Problems []ConfigProblem `json:"problems,omitempty"`
}

// A ServerItem is what is known of a server without touching it.
type ServerItem struct {
	Name        string `json:"name"`
	Status      string `json:"status"`
	Transport   string `json:"transport,omitempty"` // unknown for an untrusted server
	ToolsCount  *int   `json:"tools_count,omitempty"`
	Description string `json:"description,omitempty"`
	Next        string `json:"next,omitempty"` // set if the server cannot be used as it is
}

// A ConfigProblem is something wrong with a configuration file as a whole.
type ConfigProblem struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// ListServers answers from the configuration and the catalogue, without I/O.
func (p *Proxy) ListServers() ServerList {
	list, infos := ServerList{Servers: []ServerItem{}, Problems: p.problems()}, p.opts.Catalog.Infos()
	for _, s := range p.config().Servers {
		c := p.condition(s)
		item := ServerItem{
			Name: s.Name, Status: c.word, Transport: s.Entry.Type,
			ToolsCount: p.toolsCount(s, infos), Description: summary(s, infos),
		}
		if c.err != nil {
			item.Next = p.explain(c.err).Next
		}
		list.Servers = append(list.Servers, item)
	}
	return list
}

// toolsCount returns how many tools the server is known to offer, if it is.
func (p *Proxy) toolsCount(s *config.Server, infos map[string]catalog.Info) *int {
	if s.Untrusted {
		return nil
	}
	info, ok := infos[s.ID]
	if !ok {
		return nil
	}
	if !s.Entry.ToolFilter.IsZero() {
		e, _ := p.opts.Catalog.Get(s.ID)
		info.Tools = len(allowed(s, e))
	}
	return &info.Tools
}

// A condition is a server's state.
type condition struct {
	word  string
	err   error          // why the server cannot be used as it is, or failed last
	stage upstream.Stage // of err, if it happened at one
	at    time.Time      // of err; zero for what is wrong all the time
	auth  *AuthStatus
	retry int // seconds for which it is left alone, if it is cooling down
}

func (p *Proxy) condition(s *config.Server) condition {
	p.mu.Lock()
	t := p.targets[s.ID]
	p.mu.Unlock()
	if t != nil {
		st := t.up.State()
		c := condition{word: string(st.Status), stage: st.Stage, at: st.At}
		if st.Status == upstream.CoolingDown {
			c.retry = secondsUntil(time.Now().Add(st.Breaker.RetryIn))
		}
		if st.Last != nil {
			c.err = &ServerError{Server: s.Name, Err: st.Last}
		}
		if t.auth != nil {
			return p.authorized(*t.auth, c)
		}
		return c
	}
	switch err := s.Usable().(type) {
	case nil:
	case *config.UntrustedError:
		return condition{word: untrusted, err: err}
	case *config.DisabledError:
		return condition{word: disabled, err: err}
	default:
		return condition{word: string(upstream.Failed), err: err, stage: stageConfig}
	}
	r, err := s.Resolve(p.opts.Getenv, p.config().Settings)
	if err != nil {
		return condition{word: string(upstream.Failed), err: &config.EntryError{Server: s.Name, Err: err}, stage: stageConfig}
	}
	if protected, ok := p.protected(s, r); ok {
		return p.authorized(protected, condition{word: string(upstream.Idle)})
	}
	return condition{word: string(upstream.Idle)}
}

// shown returns the servers that a model is told of before it asks.
func (p *Proxy) shown() []*config.Server {
	return slices.DeleteFunc(slices.Clone(p.config().Servers), func(s *config.Server) bool {
		return s.Untrusted || s.Problem == nil && s.Entry.Disabled
	})
}

// definition returns the one tool.
func (p *Proxy) definition() *mcp.Tool {
	var servers []string
	for _, s := range p.shown() {
		servers = append(servers, s.Name)
	}
	return mcptool.Definition(servers)
}

// instructions returns what a host tells its model about the proxy.
func (p *Proxy) instructions() string {
	infos := p.opts.Catalog.Infos()
	var servers []mcptool.About
	for _, s := range p.shown() {
		servers = append(servers, mcptool.About{Server: s.Name, Summary: summary(s, infos)})
	}
	return mcptool.Instructions(servers)
}

// problems returns what is wrong with the files, with secrets masked.
func (p *Proxy) problems() (list []ConfigProblem) {
	for _, pr := range p.config().Problems {
		list = append(list, ConfigProblem{
			File: pr.File, Line: pr.Line,
			Message: p.opts.Redactor.Redact(pr.Message), Hint: p.opts.Redactor.Redact(pr.Hint),
		})
	}
	return list
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

// A ToolPage is the answer to list_tools.
type ToolPage struct {
	Server       string        `json:"server,omitempty"`
	Instructions string        `json:"instructions,omitempty"` // the upstream's, on the first page
	Tools        []ToolItem    `json:"tools"`
	NextCursor   string        `json:"next_cursor,omitempty"`
	Unavailable  []Unavailable `json:"unavailable,omitempty"`
	More         int           `json:"unavailable_more,omitempty"` // servers like those, not named
}

// A ToolItem describes a tool well enough to call most of them.
type ToolItem struct {
	Server      string         `json:"server,omitempty"`
	Tool        string         `json:"tool"`
	Signature   string         `json:"signature"`
	Description string         `json:"description"`
	Access      catalog.Access `json:"access"`
	Warning     string         `json:"warning,omitempty"` // its text holds what is meant not to be seen
}

// An Unavailable names a server that could not be looked into, so that a tool
// that is not listed does not read as one that does not exist.
type Unavailable struct {
	Server string `json:"server"`
	Status string `json:"status"`
	Reason string `json:"reason"`
	Next   string `json:"next"`
}

// ListTools returns a page of AllTools. The cursor is a page's NextCursor, or
// empty.
func (p *Proxy) ListTools(ctx context.Context, server, cursor string) (ToolPage, error) {
	all, err := p.AllTools(ctx, server)
	if err != nil {
		return ToolPage{}, err
	}
	return paginate(all, cursor)
}

// AllTools returns a server's tools, connecting if they are not known, or all
// tools that are known if server is empty, in one page of any length.
func (p *Proxy) AllTools(ctx context.Context, server string) (ToolPage, error) {
	if server == "" {
		return p.knownTools(), nil
	}
	t, err := p.target(server)
	if err != nil {
		return ToolPage{}, err
	}
	e, err := p.entry(ctx, t)
	if err != nil {
		return ToolPage{}, err
	}
	page := ToolPage{Server: t.Name, Instructions: cleanText(e.Instructions, maxInstructions), Tools: []ToolItem{}}
	for _, tool := range allowed(t.Server, e) {
		page.Tools = append(page.Tools, toolItem(tool))
	}
	return page, nil
}

// knownTools returns all tools that are known, and names the servers that
// could have more. A disabled server is not missed.
func (p *Proxy) knownTools() ToolPage {
	page := ToolPage{Tools: []ToolItem{}}
	var missing []Unavailable
	for _, s := range p.config().Servers {
		e, ok := p.opts.Catalog.Get(s.ID)
		if !ok || s.Usable() != nil {
			missing = append(missing, p.unavailable(s)...)
			continue
		}
		for _, tool := range allowed(s, e) {
			item := toolItem(tool)
			item.Server = s.Name
			page.Tools = append(page.Tools, item)
		}
	}
	page.Unavailable, page.More = bounded(missing)
	return page
}

// unavailable says why the server's tools are not known, if that matters.
func (p *Proxy) unavailable(s *config.Server) []Unavailable {
	c := p.condition(s)
	switch {
	case c.word == disabled:
		return nil
	case c.err == nil:
		next := say(mcptool.Request{Action: mcptool.ListTools, Server: s.Name})
		return []Unavailable{{s.Name, c.word, "its tools were never listed", next}}
	}
	f := p.explain(c.err)
	return []Unavailable{{s.Name, c.word, f.Message, f.Next}}
}

func toolItem(t catalog.Tool) ToolItem {
	item := ToolItem{
		Tool:        clean.Line(t.Name, 0),
		Signature:   t.Signature(),
		Description: clean.Line(cmp.Or(t.Description, t.Title), maxDescription),
		Access:      t.Access(),
	}
	if hidesText(t) {
		item.Warning = hiddenText
	}
	return item
}

// allowed returns the tools that the server's filter lets through.
func allowed(s *config.Server, e catalog.Entry) []catalog.Tool {
	tools := make([]catalog.Tool, 0, len(e.Tools))
	for _, t := range e.Tools {
		if s.Entry.ToolFilter.Allows(t.Name) {
			tools = append(tools, t)
		}
	}
	return tools
}

// paginate cuts a page out of a listing. A cursor holds an offset and a check
// sum of the names, so that a changed list is noticed.
func paginate(page ToolPage, cursor string) (ToolPage, error) {
	all := page.Tools
	sum := fnv.New32a()
	for _, item := range all {
		fmt.Fprintf(sum, "%s\x00%s\x00", item.Server, item.Tool)
	}
	encode := func(offset int) string {
		return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%x", offset, sum.Sum32()))
	}
	from := 0
	if cursor != "" {
		b, _ := base64.RawURLEncoding.DecodeString(cursor)
		fmt.Sscanf(string(b), "%d.", &from)
		if from <= 0 || from > len(all) || encode(from) != cursor {
			return ToolPage{}, &mcptool.RequestError{Action: mcptool.ListTools, Server: page.Server, Field: "cursor", Reason: "is not valid, or the list changed since"}
		}
		page.Instructions = ""
	}
	to := min(from+pageSize, len(all))
	page.Tools = all[from:to]
	if to < len(all) {
		page.NextCursor = encode(to)
	}
	return page, nil
}

// A StatusList is the answer to status.
type StatusList struct {
	Servers  []ServerStatus  `json:"servers"`
	Problems []ConfigProblem `json:"problems,omitempty"`
}

// A ServerStatus is all that is known of a server's state.
type ServerStatus struct {
	Name       string         `json:"name"`
	Status     string         `json:"status"`
	Transport  string         `json:"transport,omitempty"`
	ToolsCount *int           `json:"tools_count,omitempty"`
	LastError  *LastError     `json:"last_error,omitempty"`
	Auth       *AuthStatus    `json:"auth,omitempty"`
	Breaker    *BreakerStatus `json:"breaker,omitempty"`
	Next       string         `json:"next,omitempty"`
}

// A LastError is the last failure of a server that has not succeeded since.
type LastError struct {
	Stage   upstream.Stage `json:"stage"`
	Message string         `json:"message"`
	At      *time.Time     `json:"at,omitempty"` // RFC 3339; absent for what is wrong all the time
}

// A BreakerStatus is given while a server is left alone after faults.
type BreakerStatus struct {
	State string `json:"state"`
	Retry int    `json:"retry_in_seconds"`
}

// Status returns the state of one server, or of all if server is empty,
// without touching any.
func (p *Proxy) Status(server string) (StatusList, error) {
	servers := p.config().Servers
	if server != "" {
		s, err := p.server(server)
		if err != nil {
			return StatusList{}, err
		}
		servers = []*config.Server{s}
	}
	list := StatusList{Servers: []ServerStatus{}, Problems: p.problems()}
	recorded, infos := p.failures.read(), p.opts.Catalog.Infos()
	for _, s := range servers {
		st := p.status(s, infos)
		if e, ok := recorded[s.ID]; ok && st.LastError == nil && st.Status == string(upstream.Idle) {
			st.LastError = &e // of another proxy, or of an earlier life of this one
		}
		list.Servers = append(list.Servers, st)
	}
	return list, nil
}

func (p *Proxy) status(s *config.Server, infos map[string]catalog.Info) ServerStatus {
	c := p.condition(s)
	st := ServerStatus{Name: s.Name, Status: c.word, Transport: s.Entry.Type, ToolsCount: p.toolsCount(s, infos), Auth: c.auth}
	if c.err == nil {
		return st
	}
	f := p.explain(c.err)
	st.Next = f.Next
	switch c.word {
	case untrusted, disabled, needsAuth:
		return st
	case string(upstream.CoolingDown):
		st.Breaker = &BreakerStatus{State: "open", Retry: c.retry}
		st.Next = fmt.Sprintf("repeat what you wanted in %d s", c.retry)
	}
	st.LastError = p.lastError(c)
	return st
}

// lastError puts a failure into our own words.
func (p *Proxy) lastError(c condition) *LastError {
	f := p.explain(c.err)
	e := &LastError{Stage: cmp.Or(c.stage, f.Stage), Message: f.Message}
	if f.Exit != "" {
		e.Message += ": " + f.Exit
	}
	if f.Stderr != "" {
		e.Message += "; stderr: " + f.Stderr
	}
	if !c.at.IsZero() {
		e.At = new(c.at.UTC().Truncate(time.Second))
	}
	return e
}

// cleanText makes text of several lines harmless and bounds it.
func cleanText(s string, most int) string {
	text, _ := clean.Text(s, most)
	return text
}
