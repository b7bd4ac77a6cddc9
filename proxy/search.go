package proxy

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mcpproxy/catalog"
	"mcpproxy/catalog/search"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/mcptool"
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
		if err := s.Usable(); err != nil {
			return ToolHits{}, err
		}
		servers = []*config.Server{s}
	}
	if limit == 0 {
		limit = defaultLimit
	}
	p.listNew(ctx, servers)

	hits := ToolHits{Tools: []ToolItem{}}
	var segments []*search.Segment
	var missing []Unavailable
	for i, segment := range p.segmentsOf(servers) {
		if segment == nil {
			missing = append(missing, p.unavailable(servers[i])...)
			continue
		}
		segments = append(segments, segment)
	}
	hits.Unavailable, hits.More = bounded(missing)
	for _, hit := range search.Rank(segments, strings.ToValidUTF8(query, ""), limit) {
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
		hits.Next = "search with other words, or " + say(mcptool.Request{Action: mcptool.ListTools, Server: server})
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
func (p *Proxy) listNew(ctx context.Context, servers []*config.Server) {
	ctx, cancel := context.WithTimeout(ctx, searchWait)
	defer cancel()
	var wait sync.WaitGroup
	defer wait.Wait()
	infos := p.opts.Catalog.Infos()
	slots := make(chan struct{}, searchStarts)
	for _, s := range servers {
		if _, ok := infos[s.ID]; ok || s.Usable() != nil || p.condition(s).err != nil {
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
	made   *search.Segment
}

// segmentsOf returns what the search reads of each server's tools, nil where
// they are not known. The first search makes them all, hence on all processors.
func (p *Proxy) segmentsOf(servers []*config.Server) []*search.Segment {
	segments := make([]*search.Segment, len(servers))
	infos := p.opts.Catalog.Infos()
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(servers)) {
		wait.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(servers)); i = next.Add(1) - 1 {
				segments[i] = p.segment(servers[i], infos)
			}
		})
	}
	wait.Wait()
	return segments
}

func (p *Proxy) segment(s *config.Server, infos map[string]catalog.Info) *search.Segment {
	info, ok := infos[s.ID]
	if !ok || s.Usable() != nil {
		return nil
	}
	p.mu.Lock()
	kept := p.segments[s.ID]
	p.mu.Unlock()
	if kept.made != nil && kept.listed.Equal(info.ListedAt) {
		return kept.made
	}
	e, ok := p.opts.Catalog.Get(s.ID)
	if !ok {
		return nil
	}
	made := search.NewSegment(s.Name, s.Entry.Description, allowed(s, e))
	p.mu.Lock()
	p.segments[s.ID] = segment{e.ListedAt, made}
	p.mu.Unlock()
	return made
}
