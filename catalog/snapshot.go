package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// Bounds of the snapshot.
const (
	maxEntries       = 4096
	maxSnapshotBytes = 256 << 20
	maxCachedBytes   = 4 << 20 // of entries kept in memory after reading
	maxDamagedFiles  = 3       // kept to find out what went wrong
)

const (
	// maxLockWait bounds the wait for another process, which holds the lock
	// for milliseconds unless it was stopped.
	maxLockWait = 2 * time.Second
	// lockPoll is the time between two tries, since a wait for a file lock
	// cannot be cancelled.
	lockPoll = 2 * time.Millisecond
)

// A snapshot is the catalogue on disk, shared by all processes of the user:
//
//	v1/lock          held by whoever changes anything
//	v1/index         an infoRecord for each entry, rebuilt from the entries if damaged
//	v1/HASH.entry    an entry, see entryHeader
//
// Readers need no lock, because files are replaced as a whole. A later format
// gets a folder of its own, so that two versions of the program can run at once.
type snapshot struct {
	dir string
	log *slog.Logger
	ctx context.Context // of the waits for the lock, and no caller's: what was listed is saved even if the caller gave up

	mu     sync.Mutex
	index  map[string]infoRecord // replaced, never changed
	stamp  os.FileInfo           // of the file that index was read from
	cache  map[string]*cached
	cached int    // bytes in cache
	clock  uint64 // counts uses of the cache
	swept  bool   // leftovers of dead processes were removed
}

// An infoRecord is one line of the index.
type infoRecord struct {
	ID    string `json:"id"`
	Bytes int64  `json:"bytes"` // size of the entry's file
	Info
}

type cached struct {
	entry Entry
	stamp os.FileInfo
	used  uint64
	seen  time.Time // when the file was found unchanged
}

func newSnapshot(dir string, log *slog.Logger) *snapshot {
	return &snapshot{dir: filepath.Join(dir, "v1"), log: log, ctx: context.Background(), cache: make(map[string]*cached)}
}

func (s *snapshot) indexPath() string          { return filepath.Join(s.dir, "index") }
func (s *snapshot) entryPath(id string) string { return filepath.Join(s.dir, entryName(id)) }

// sameFile reports whether a file is still the one that was read. A replaced file
// has another inode, or at least another time.
func sameFile(a, b os.FileInfo) bool {
	return a != nil && b != nil && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && os.SameFile(a, b)
}

// entry returns an entry, from the cache if its file has not changed.
func (s *snapshot) entry(id string) (Entry, bool) {
	path := s.entryPath(id)
	stamp, err := os.Stat(path)
	if err != nil {
		return Entry{}, false
	}
	if e, ok := s.fromCache(id, stamp); ok {
		return e, true
	}
	e, err := readEntry(path)
	switch {
	case errors.Is(err, errDamaged):
		s.setAside(path)
		return Entry{}, false
	case err != nil:
		if !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("catalogue entry not read", "path", path, "error", err)
		}
		return Entry{}, false
	case e.ID != id:
		return Entry{}, false
	}
	s.toCache(e, stamp)
	return e, true
}

func readEntry(path string) (Entry, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Entry{}, err
	}
	return decodeEntry(data)
}

func (s *snapshot) fromCache(id string, stamp os.FileInfo) (Entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cache[id]
	if c == nil || !sameFile(c.stamp, stamp) {
		return Entry{}, false
	}
	s.clock++
	c.used, c.seen = s.clock, time.Now()
	return c.entry, true
}

// recent returns an entry whose file was looked at within that time.
func (s *snapshot) recent(id string, within time.Duration) (Entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cache[id]
	if c == nil || time.Since(c.seen) >= within {
		return Entry{}, false
	}
	return c.entry, true
}

// toCache adds an entry to the cache, and drops the least recently used ones beyond
// the bound.
func (s *snapshot) toCache(e Entry, stamp os.FileInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(e.ID)
	s.clock++
	s.cache[e.ID] = &cached{e, stamp, s.clock, time.Now()}
	s.cached += int(stamp.Size())
	for s.cached > maxCachedBytes && len(s.cache) > 1 {
		oldest := e.ID
		for id, c := range s.cache {
			if c.used < s.cache[oldest].used {
				oldest = id
			}
		}
		s.drop(oldest)
	}
}

// drop removes an entry from the cache. The caller holds s.mu.
func (s *snapshot) drop(id string) {
	if c := s.cache[id]; c != nil {
		s.cached -= int(c.stamp.Size())
		delete(s.cache, id)
	}
}

// infos returns the index as it is on disk now, for reading only.
func (s *snapshot) infos() map[string]infoRecord {
	stamp, err := os.Stat(s.indexPath())
	if err == nil {
		s.mu.Lock()
		index, same := s.index, sameFile(s.stamp, stamp)
		s.mu.Unlock()
		if same {
			return index
		}
	}
	index, err := s.readIndex()
	if err == nil {
		s.remember(index, stamp)
		return index
	}
	if errors.Is(err, fs.ErrNotExist) && len(s.entryFiles()) == 0 {
		return nil // nothing was ever listed
	}
	err = s.locked(func() error {
		index, err = s.readIndex() // another process may have been faster
		if err != nil {
			index = s.rebuild()
			err = s.writeIndex(index)
		}
		return err
	})
	if err != nil {
		s.log.Warn("catalogue index not rebuilt", "path", s.indexPath(), "error", err)
	}
	return index
}

func (s *snapshot) remember(index map[string]infoRecord, stamp os.FileInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index, s.stamp = index, stamp
}

func (s *snapshot) readIndex() (map[string]infoRecord, error) {
	data, err := os.ReadFile(s.indexPath())
	if err != nil {
		return nil, err
	}
	body, err := unseal(data)
	if err != nil {
		return nil, err
	}
	var records []infoRecord
	if json.Unmarshal(body, &records) != nil {
		return nil, errDamaged
	}
	index := make(map[string]infoRecord, len(records))
	for _, r := range records {
		index[r.ID] = r
	}
	return index, nil
}

// put writes an entry and evicts the oldest ones beyond the bounds.
func (s *snapshot) put(e Entry) error {
	data, err := encodeEntry(e)
	if err != nil {
		return err
	}
	// The tools of e may be slices of a large message, so the cache keeps the bytes
	// that are written.
	kept, damaged := decodeEntry(data)
	return s.locked(func() error {
		path := s.entryPath(e.ID)
		if err := replace(path, data); err != nil {
			return err
		}
		if stamp, err := os.Stat(path); err == nil && damaged == nil {
			s.toCache(kept, stamp)
		}
		index := s.indexToChange()
		index[e.ID] = infoRecord{e.ID, int64(len(data)), e.info()}
		s.evict(index, e.ID)
		return s.writeIndex(index)
	})
}

// indexToChange returns a copy of the index. The caller holds the lock.
func (s *snapshot) indexToChange() map[string]infoRecord {
	if stamp, err := os.Stat(s.indexPath()); err == nil {
		s.mu.Lock()
		index, same := s.index, sameFile(s.stamp, stamp)
		s.mu.Unlock()
		if same {
			return maps.Clone(index)
		}
		if index, err = s.readIndex(); err == nil {
			return index
		}
	}
	return s.rebuild()
}

func (s *snapshot) writeIndex(index map[string]infoRecord) error {
	body, err := json.Marshal(slices.SortedFunc(maps.Values(index), func(a, b infoRecord) int { return strings.Compare(a.ID, b.ID) }))
	if err != nil {
		return err
	}
	if err := replace(s.indexPath(), seal(body)); err != nil {
		return err
	}
	stamp, err := os.Stat(s.indexPath())
	if err == nil {
		s.remember(index, stamp)
	}
	return err
}

// locked runs change while no other process, and nobody else in this one,
// changes the snapshot. errLocked means that the lock was not free in time.
func (s *snapshot) locked(change func() error) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	// A lock belongs to an open file, so this one excludes the other goroutines of
	// this process as well.
	lock := flock.New(filepath.Join(s.dir, "lock"), flock.SetPermissions(0o600))
	defer lock.Close()
	ctx, cancel := context.WithTimeout(s.ctx, maxLockWait)
	defer cancel()
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return errLocked
		}
		return err
	}
	s.sweep()
	return change()
}
