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
		servers = []*Server{s}
	}
	if limit == 0 {
		limit = defaultLimit
	}
	p.listNew(ctx, servers)

	hits := ToolHits{Tools: []ToolItem{}}
	byName := make(map[string]catalog.Entry)
	var segments []*catalog.Segment
	for _, s := range servers {
		e, ok := p.opts.Catalog.Get(s.ID)
		if !ok || usable(s) != nil {
			hits.Unavailable = append(hits.Unavailable, p.unavailable(s)...)
			continue
		}
		byName[s.Name] = e
		segments = append(segments, p.segment(s, e))
	}
	for _, hit := range catalog.Search(segments, strings.ToValidUTF8(query, ""), limit) {
		tool, _ := byName[hit.Server].Tool(hit.Tool)
		item := toolItem(tool)
		item.Server = hit.Server
		hits.Tools = append(hits.Tools, item)
	}
	return hits, nil
}

// listNew lists the servers that were never listed, as far as that goes in
// the time of a search. Their starts go on beyond it; why a server could not
// be listed is kept in its state.
func (p *Proxy) listNew(ctx context.Context, servers []*Server) {
	ctx, cancel := context.WithTimeout(ctx, searchWait)
	defer cancel()
	var wait sync.WaitGroup
	slots := make(chan struct{}, searchStarts)
	for _, s := range servers {
		if _, ok := p.opts.Catalog.Get(s.ID); ok {
			continue
		}
		t, err := p.target(s.Name)
		if err != nil || p.condition(s).err != nil {
			continue // it failed before: only a call or connect tries again
		}
		wait.Go(func() {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
			case <-ctx.Done():
				return
			}
			_, _ = p.list(ctx, t) // the answer names it, see unavailable
		})
	}
	wait.Wait()
}

// A segment is kept as long as its entry is the same.
type segment struct {
	listed time.Time
	made   *catalog.Segment
}

// segment returns what the search reads of a server's tools.
func (p *Proxy) segment(s *Server, e catalog.Entry) *catalog.Segment {
	p.mu.Lock()
	kept, ok := p.segments[s.ID]
	p.mu.Unlock()
	if ok && kept.listed.Equal(e.ListedAt) {
		return kept.made
	}
	made := catalog.NewSegment(s.Name, s.Entry.Description, allowed(s, e))
	p.mu.Lock()
	p.segments[s.ID] = segment{e.ListedAt, made}
	p.mu.Unlock()
	return made
}
