package proxy

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"mcpproxy/catalog/search"
	"mcpproxy/proxy/config"
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
}

// SearchTools finds tools by what they do, on one server or, if it is nil, on
// all. A limit of 0 is the default of 8. It reads the catalogue; only servers
// that were never listed are started, for 5 seconds at most.
func (v *View) SearchTools(ctx context.Context, s *config.Server, query string, limit int) (ToolHits, error) {
	if s != nil {
		if err := s.Usable(); err != nil {
			return ToolHits{}, err
		}
	}
	servers := v.servers(s)
	if limit == 0 {
		limit = defaultLimit
	}
	v.listNew(ctx, servers)

	hits := ToolHits{Tools: []ToolItem{}}
	var segments []*search.Segment
	var missing []Unavailable
	made, err := v.segments(ctx, servers)
	if err != nil {
		return ToolHits{}, err
	}
	for i, segment := range made {
		if segment == nil {
			missing = append(missing, v.unavailable(servers[i])...)
			continue
		}
		segments = append(segments, segment)
		missing = append(missing, v.partial(servers[i])...)
	}
	hits.Unavailable, hits.More = bounded(missing)
	for _, hit := range search.Rank(segments, strings.ToValidUTF8(query, ""), limit) {
		server := v.config.Servers[v.index[hit.Server]] // of this very view, so it is there
		e, _ := v.catalog().Get(server.ID)
		tool, ok := e.Tool(hit.Tool)
		if !ok {
			continue // listed anew in this very moment
		}
		hits.Tools = append(hits.Tools, toolItem(hit.Server, tool))
	}
	return hits, nil
}

// listNew lists the servers that were never listed, as far as that goes in
// the time of a search. Their starts go on beyond it; why a server could not
// be listed is kept in its state.
func (v *View) listNew(ctx context.Context, servers []*config.Server) {
	ctx, cancel := context.WithTimeout(ctx, searchWait)
	defer cancel()
	infos := v.catalog().Infos()
	var g errgroup.Group
	g.SetLimit(searchStarts)
	for _, s := range servers {
		if _, ok := infos[s.ID]; ok || s.Usable() != nil || v.condition(s).err != nil {
			continue // one that failed before is tried again by a call or connect only
		}
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if t, err := v.target(s); err == nil && ctx.Err() == nil {
				_, _ = t.list(ctx) // the answer names it, see unavailable
			}
			return nil
		})
	}
	_ = g.Wait() // no error stops the others
}

// A searchIndex keeps what the search reads of each server's tools.
type searchIndex struct {
	mu       sync.Mutex
	segments map[string]segment // by server ID; made when first searched
}

// A segment is kept as long as its entry is the same.
type segment struct {
	listed time.Time
	made   *search.Segment
}

// segments returns what the search reads of each server's tools, nil where
// they are not known. The first search makes them all, hence on all processors;
// what was made when ctx ends is kept for the next.
func (v *View) segments(ctx context.Context, servers []*config.Server) ([]*search.Segment, error) {
	segments := make([]*search.Segment, len(servers))
	infos := v.catalog().Infos()
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range servers {
		if ctx.Err() != nil {
			break
		}
		if info, ok := infos[s.ID]; ok && s.Usable() == nil {
			if segments[i] = v.session.proxy.index.kept(s.ID, info.ListedAt); segments[i] == nil {
				g.Go(func() error { segments[i] = v.segment(s); return nil })
			}
		}
	}
	_ = g.Wait() // none fails
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return segments, nil
}

// kept returns the segment of a list of that time, or nil.
func (x *searchIndex) kept(id string, listed time.Time) *search.Segment {
	x.mu.Lock()
	defer x.mu.Unlock()
	if kept := x.segments[id]; kept.listed.Equal(listed) {
		return kept.made
	}
	return nil
}

// segment makes the segment of a server that was listed.
func (v *View) segment(s *config.Server) *search.Segment {
	e, ok := v.catalog().Get(s.ID)
	if !ok {
		return nil
	}
	made := search.NewSegment(s.Name, s.Entry.Description, allowed(s, e))
	x := &v.session.proxy.index
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.segments == nil {
		x.segments = make(map[string]segment)
	}
	x.segments[s.ID] = segment{e.ListedAt, made}
	return made
}
