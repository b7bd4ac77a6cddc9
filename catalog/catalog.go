package catalog

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"mcpproxy/catalog/clean"
)

// An Entry is what one upstream was last seen to offer. It is shared, so whoever
// has one must not change it.
type Entry struct {
	// ID identifies the server's configuration entry: what another entry of the
	// same name has listed is never shown.
	ID           string
	Instructions string // of the upstream's initialize or discover result
	Tools        []Tool // in the upstream's order, unfiltered
	ListedAt     time.Time
	// InitializeFirst says that the upstream must be sent nothing before
	// initialize.
	InitializeFirst bool
	// Partial says that the upstream has more tools, which did not come.
	Partial bool
}

// Tool returns the tool of that name.
func (e Entry) Tool(name string) (Tool, bool) {
	i := slices.IndexFunc(e.Tools, func(t Tool) bool { return t.Name == name })
	if i < 0 {
		return Tool{}, false
	}
	return e.Tools[i], true
}

// maxSummary bounds [Info.Summary], in characters.
const maxSummary = 100

// An Info is what lists of servers show of an entry. It can be read without the
// descriptors.
type Info struct {
	Tools    int       `json:"tools"`             // number of tools, unfiltered
	Summary  string    `json:"summary,omitempty"` // first sentence of the instructions, at most 100 characters
	ListedAt time.Time `json:"listed_at"`

	InitializeFirst bool `json:"initialize_first,omitempty"` // as in the entry
	Partial         bool `json:"partial,omitempty"`          // as in the entry
}

func (e Entry) info() Info {
	return Info{
		Tools: len(e.Tools), Summary: clean.FirstSentence(e.Instructions, maxSummary), ListedAt: e.ListedAt.Round(0),
		InitializeFirst: e.InitializeFirst, Partial: e.Partial,
	}
}

// A Catalog holds the entries last seen, by [Entry.ID]. It is safe for concurrent
// use. Several processes may use a catalogue on disk at once: each call sees what
// the others have changed before it.
type Catalog struct {
	disk *snapshot // nil for a catalogue in memory
	log  *slog.Logger

	mu sync.Mutex
	// entries are all entries of a catalogue in memory. Of one on disk they are
	// those that could not be written, which are lost when the process ends.
	entries map[string]Entry
}

// New returns an empty catalogue in memory.
func New() *Catalog { return &Catalog{entries: make(map[string]Entry)} }

// Open returns the catalogue in the folder dir, which need not exist, without
// reading it. An entry that cannot be read counts as never listed, and one that
// cannot be written stays in memory; both are logged.
func Open(dir string, log *slog.Logger) *Catalog {
	c := New()
	c.disk, c.log = newSnapshot(dir, log), log
	return c
}

// Get returns the entry of a server, if it was ever listed.
func (c *Catalog) Get(id string) (Entry, bool) { return c.Recent(id, 0) }

// Recent is Get, but may be late by that time to see what another process changed.
func (c *Catalog) Recent(id string, late time.Duration) (Entry, bool) {
	if e, ok := c.inMemory(id); ok || c.disk == nil {
		return e, ok
	}
	if e, ok := c.disk.recent(id, late); ok {
		return e, true
	}
	return c.disk.entry(id)
}

// Infos returns the info of each entry, by [Entry.ID]. It reads the index on disk
// only if that has changed.
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

// Put adds or replaces the entry of a server. It waits up to 2 seconds for another
// process that is changing the catalogue. A catalogue on disk drops the entries
// listed longest ago beyond 4,096 entries or 256 MiB.
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

// inMemory returns the entry that this process holds.
func (c *Catalog) inMemory(id string) (Entry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[id]
	return e, ok
}
