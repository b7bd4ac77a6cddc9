package catalog

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"mcpproxy/catalog/clean"
)

// An Entry is what one upstream was last seen to offer. Whoever has one shares
// it with others and must not change it.
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

// maxSummary is the length of [Info.Summary], in characters.
const maxSummary = 100

// An Info is what lists of servers tell of an entry. It is at hand without
// reading any descriptor.
type Info struct {
	Tools    int       `json:"tools"`             // number of tools, unfiltered
	Summary  string    `json:"summary,omitempty"` // first sentence of the instructions, see [clean.FirstSentence]
	ListedAt time.Time `json:"listed_at"`
}

func (e Entry) info() Info {
	return Info{Tools: len(e.Tools), Summary: clean.FirstSentence(e.Instructions, maxSummary), ListedAt: e.ListedAt.Round(0)}
}

// A Catalog holds the entries last seen, by [Entry.ID]. It is safe for
// concurrent use, and one on disk for use by several processes at once: what
// another has changed is seen at the next call.
type Catalog struct {
	disk *snapshot // nil for a catalogue in memory
	log  *slog.Logger

	mu sync.Mutex
	// entries are those of a catalogue in memory; of one on disk those that
	// could not be written and live for as long as this process.
	entries map[string]Entry
}

// New returns an empty catalogue that lives in memory.
func New() *Catalog { return &Catalog{entries: make(map[string]Entry)} }

// Open returns the catalogue in the folder dir, which need not exist. Nothing
// is read before it is asked for. What cannot be read is taken as never listed,
// and what cannot be written is kept in memory; both are told to log.
func Open(dir string, log *slog.Logger) *Catalog {
	c := New()
	c.disk, c.log = newSnapshot(dir, log), log
	return c
}

// Get returns the entry of a server, if it was ever listed.
func (c *Catalog) Get(id string) (Entry, bool) {
	if e, ok := c.inMemory(id); ok || c.disk == nil {
		return e, ok
	}
	return c.disk.entry(id)
}

// Infos returns what is known of each server without reading its tools, by
// [Entry.ID], at the cost of one look at the disk.
func (c *Catalog) Infos() map[string]Info {
	infos := make(map[string]Info)
	if c.disk != nil {
		for id, record := range c.disk.infos() {
			infos[id] = record.Info
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, e := range c.entries {
		infos[id] = e.info()
	}
	return infos
}

// Put replaces the entry of a server.
func (c *Catalog) Put(e Entry) {
	var err error
	if c.disk != nil {
		if err = c.disk.put(e); err != nil {
			c.log.Warn("catalogue entry not saved", "id", e.ID, "error", err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.disk == nil || err != nil {
		c.entries[e.ID] = e
	} else {
		delete(c.entries, e.ID)
	}
}

func (c *Catalog) inMemory(id string) (Entry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[id]
	return e, ok
}
