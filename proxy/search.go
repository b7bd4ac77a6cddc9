package proxy

import (
	"context"
	"strings"
	"sync"
	"time"

	"mcpproxy/catalog"
)

const (
	defaultLimit = 8
	// A search starts servers that were never listed, so many at once and for
	// no longer than that in all.
	searchStarts = 4
	searchWait   = 5 * time.Second
)

// A ToolHits is the answer to search_tools, the best tool first.
type ToolHits struct {
	Tools       []ToolItem    `json:"tools"`
	Unavailable []Unavailable `json:"unavailable,omitempty"`
	More        int           `json:"unavailable_more,omitempty"` // servers like those, not named
	Next        string        `json:"next,omitempty"`             // set if nothing was found
}

// SearchTools finds tools by what they do, on one server or, if server is
// empty, on all. A limit of 0 is the default of 8. It reads the catalogue;
// only servers that were never listed are started, for 5 seconds at most.
func (p *Proxy) SearchTools(ctx context.Context, query, server string, limit int) (ToolHits, error) {
	servers := p.config().Servers
	if server != "" {
		s, err := p.server(server)
		if err != nil {
			return ToolHits{}, err
		}
		if err := usable(s); err != nil {
			return ToolHits{}, err
		}
		servers = []*Server{s}
	}
	if limit == 0 {
		limit = defaultLimit
	}
	p.listNew(ctx, servers)

	hits := ToolHits{Tools: []ToolItem{}}
	var segments []*catalog.Segment
	var missing []Unavailable
	for _, s := range servers {
		segment, ok := p.segment(s)
		if !ok {
			missing = append(missing, p.unavailable(s)...)
			continue
		}
		segments = append(segments, segment)
	}
	hits.Unavailable, hits.More = bounded(missing)
	for _, hit := range catalog.Search(segments, strings.ToValidUTF8(query, ""), limit) {
		e, _ := p.opts.Catalog.Get(p.config().Server(hit.Server).ID)
		tool, ok := e.Tool(hit.Tool)
		if !ok {
			continue // listed anew in this very moment
		}
		item := toolItem(tool)
		item.Server = hit.Server
		hits.Tools = append(hits.Tools, item)
	}
	if len(hits.Tools) == 0 {
		hits.Next = "search with other words, or " + say(request{Action: actionListTools, Server: server})
	}
	return hits, nil
}

// maxUnavailable bounds how many servers an answer names that could not be
// looked into.
const maxUnavailable = 20

// bounded returns the first of them, and how many more there are.
func bounded(missing []Unavailable) ([]Unavailable, int) {
	n := min(len(missing), maxUnavailable)
	return missing[:n], len(missing) - n
}

// listNew lists the servers that were never listed, as far as that goes in
// the time of a search. Their starts go on beyond it; why a server could not
// be listed is kept in its state.
func (p *Proxy) listNew(ctx context.Context, servers []*Server) {
	ctx, cancel := context.WithTimeout(ctx, searchWait)
	defer cancel()
	var wait sync.WaitGroup
	defer wait.Wait()
	slots := make(chan struct{}, searchStarts)
	for _, s := range servers {
		if _, ok := p.opts.Catalog.Info(s.ID); ok || usable(s) != nil || p.condition(s).err != nil {
			continue // one that failed before is tried again by a call or connect only
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		t, err := p.target(s.Name)
		if err != nil {
			<-slots
			continue
		}
		wait.Go(func() {
			defer func() { <-slots }()
			_, _ = p.list(ctx, t) // the answer names it, see unavailable
		})
	}
}

// A segment is kept as long as its entry is the same.
type segment struct {
	listed time.Time
	made   *catalog.Segment
}

// segment returns what the search reads of a server's tools, if they are known.
func (p *Proxy) segment(s *Server) (*catalog.Segment, bool) {
	info, ok := p.opts.Catalog.Info(s.ID)
	if !ok || usable(s) != nil {
		return nil, false
	}
	p.mu.Lock()
	kept := p.segments[s.ID]
	p.mu.Unlock()
	if kept.made != nil && kept.listed.Equal(info.ListedAt) {
		return kept.made, true
	}
	e, ok := p.opts.Catalog.Get(s.ID)
	if !ok {
		return nil, false
	}
	made := catalog.NewSegment(s.Name, s.Entry.Description, allowed(s, e))
	p.mu.Lock()
	p.segments[s.ID] = segment{e.ListedAt, made}
	p.mu.Unlock()
	return made, true
}
