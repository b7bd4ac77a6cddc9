package catalog

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// An Entry is what one upstream was last seen to offer.
type Entry struct {
	// ID identifies the server's configuration entry, so that nothing that
	// was listed under the same name by something else is ever shown.
	ID           string
	Instructions string // of the upstream's initialize or discover result
	Tools        []Tool // in the upstream's order, unfiltered
	ListedAt     time.Time
}

// Tool returns the tool of that name.
func (e Entry) Tool(name string) (Tool, bool) {
	i := slices.IndexFunc(e.Tools, func(t Tool) bool { return t.Name == name })
	if i < 0 {
		return Tool{}, false
	}
	return e.Tools[i], true
}

// A Catalog holds the entries last seen, by [Entry.ID]. It is safe for
// concurrent use.
type Catalog struct {
	mu      sync.Mutex
	entries map[string]Entry
}

// New returns an empty catalogue that lives in memory.
func New() *Catalog { return &Catalog{entries: make(map[string]Entry)} }

// Get returns the entry of a server, if it was ever listed.
func (c *Catalog) Get(id string) (Entry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[id]
	return e, ok
}

// Put replaces the entry of a server.
func (c *Catalog) Put(e Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries[e.ID] = e
}

// IDs returns the ids of all entries, sorted.
func (c *Catalog) IDs() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.entries))
}
