package proxy

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"hash/fnv"

	"mcpproxy/catalog"
	"mcpproxy/catalog/clean"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/mcptool"
	"mcpproxy/upstream"
)

// Bounds on foreign text in listings, in characters.
const (
	pageSize           = 50 // tools
	maxDescription     = 300
	maxFullDescription = 8000
	maxInstructions    = 2000
	maxSummary         = 100
)

// maxUnavailable bounds how many servers an answer names that could not be
// looked into.
const maxUnavailable = 20

// A ToolPage is a list of tools, or a part of one.
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
	Server string          `json:"server"`
	Status upstream.Status `json:"status"`
	Reason string          `json:"reason"`

	Err error `json:"-"` // nil: its tools were never listed

	server *config.Server
}

// page returns a page of AllTools. The cursor is a page's NextCursor, or empty.
func (v *View) page(ctx context.Context, s *config.Server, cursor string) (ToolPage, error) {
	page, all, err := v.listing(ctx, s)
	if err != nil {
		return ToolPage{}, err
	}
	page, part, err := paginate(page, all, cursor)
	if err != nil {
		return ToolPage{}, err
	}
	page.Tools, err = toolItems(ctx, part)
	return page, err
}

// AllTools returns the server's tools, connecting if they are not known, or all
// tools that are known if it is nil, in one page of any length.
func (v *View) AllTools(ctx context.Context, s *config.Server) (ToolPage, error) {
	page, all, err := v.listing(ctx, s)
	if err != nil {
		return ToolPage{}, err
	}
	page.Tools, err = toolItems(ctx, all)
	return page, err
}

// A listedTool is a tool of a listing. It is described when it is shown, since
// that takes a while for many tools.
type listedTool struct {
	server string // empty in the listing of a single server
	tool   catalog.Tool
}

// listing returns what AllTools does, with the tools beside it.
func (v *View) listing(ctx context.Context, s *config.Server) (ToolPage, []listedTool, error) {
	if s == nil {
		page, all := v.knownTools()
		return page, all, nil
	}
	t, err := v.target(s)
	if err != nil {
		return ToolPage{}, nil, err
	}
	e, err := t.entry(ctx)
	if err != nil {
		return ToolPage{}, nil, err
	}
	var all []listedTool
	for _, tool := range allowed(t.Server, e) {
		all = append(all, listedTool{tool: tool})
	}
	page := ToolPage{Server: t.Name, Instructions: cleanText(e.Instructions, maxInstructions)}
	page.Unavailable = v.partial(t.Server)
	return page, all, nil
}

// partial says why only a part of the server's tools is known, if that is so.
func (v *View) partial(s *config.Server) []Unavailable {
	if !v.catalog().Infos()[s.ID].Partial {
		return nil
	}
	u := Unavailable{Server: s.Name, Status: v.condition(s).status, Reason: "only a part of its tools came", server: s}
	if t, _ := v.session.found(s.ID); t != nil {
		if rest := t.rest.Load(); rest != nil {
			u.Err = rest
			u.Reason += ": " + v.session.proxy.failure(rest).Message
		}
	}
	return []Unavailable{u}
}

// knownTools returns all tools that are known, and names the servers that
// could have more. A disabled server is not missed.
func (v *View) knownTools() (page ToolPage, all []listedTool) {
	var missing []Unavailable
	for _, s := range v.config.Servers {
		e, ok := v.catalog().Get(s.ID)
		if !ok || s.Usable() != nil {
			missing = append(missing, v.unavailable(s)...)
			continue
		}
		missing = append(missing, v.partial(s)...)
		for _, tool := range allowed(s, e) {
			all = append(all, listedTool{s.Name, tool})
		}
	}
	page.Unavailable, page.More = bounded(missing)
	return page, all
}

// unavailable says why the server's tools are not known, if that matters.
func (v *View) unavailable(s *config.Server) []Unavailable {
	c := v.condition(s)
	u := Unavailable{Server: s.Name, Status: c.status, Reason: "its tools were never listed", Err: c.err, server: s}
	switch {
	case c.status == Disabled:
		return nil
	case c.err != nil:
		f, _ := v.factsOf(s, c.err)
		u.Reason = f.Message
	}
	return []Unavailable{u}
}

// bounded returns the first of them, and how many more there are.
func bounded(missing []Unavailable) ([]Unavailable, int) {
	n := min(len(missing), maxUnavailable)
	return missing[:n], len(missing) - n
}

// toolItems describes the tools, for as long as ctx lasts.
func toolItems(ctx context.Context, tools []listedTool) ([]ToolItem, error) {
	items := make([]ToolItem, 0, len(tools))
	for _, t := range tools {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		items = append(items, toolItem(t.server, t.tool))
	}
	return items, nil
}

func toolItem(server string, t catalog.Tool) ToolItem {
	item := ToolItem{
		Server:      server,
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

// paginate cuts a page out of a listing. A cursor holds an offset and a check
// sum of the names, so that a changed list is noticed.
func paginate(page ToolPage, all []listedTool, cursor string) (ToolPage, []listedTool, error) {
	sum := fnv.New32a()
	for _, t := range all {
		fmt.Fprintf(sum, "%s\x00%s\x00", t.server, t.tool.Name)
	}
	encode := func(offset int) string {
		return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%x", offset, sum.Sum32()))
	}
	from := 0
	if cursor != "" {
		b, _ := base64.RawURLEncoding.DecodeString(cursor)
		fmt.Sscanf(string(b), "%d.", &from)
		if from <= 0 || from > len(all) || encode(from) != cursor {
			return ToolPage{}, nil, &mcptool.RequestError{Action: mcptool.ListTools, Server: page.Server, Field: "cursor", Reason: "is not valid, or the list changed since"}
		}
		page.Instructions = ""
	}
	to := min(from+pageSize, len(all))
	if to < len(all) {
		page.NextCursor = encode(to)
	}
	return page, all[from:to], nil
}

// cleanText makes text of several lines harmless and bounds it.
func cleanText(s string, most int) string {
	text, _ := clean.Text(s, most)
	return text
}
