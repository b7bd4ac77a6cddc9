package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// evict removes the entries listed longest ago until the bounds are kept.
func (s *snapshot) evict(index map[string]infoRecord, keep string) {
	var total int64
	for _, r := range index {
		total += r.Bytes
	}
	if len(index) <= maxEntries && total <= maxSnapshotBytes {
		return
	}
	oldest := slices.SortedFunc(maps.Values(index), func(a, b infoRecord) int { return a.ListedAt.Compare(b.ListedAt) })
	for _, r := range oldest {
		if len(index) <= maxEntries && total <= maxSnapshotBytes {
			return
		}
		if r.ID == keep {
			continue
		}
		if err := os.Remove(s.entryPath(r.ID)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("old catalogue entry not removed", "id", r.ID, "error", err)
			continue
		}
		delete(index, r.ID)
		total -= r.Bytes
	}
}

// rebuild makes the index from the entries; the lock is held.
func (s *snapshot) rebuild() map[string]infoRecord {
	index := make(map[string]infoRecord)
	for _, name := range s.entryFiles() {
		path := filepath.Join(s.dir, name)
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		e, err := decodeEntry(data)
		if err != nil {
			s.moveAside(path)
			continue
		}
		index[e.ID] = infoRecord{e.ID, int64(len(data)), e.info()}
	}
	return index
}

// damagedPrefix begins the names of files that were set aside.
const damagedPrefix = ".damaged-"

// setAside takes a damaged entry out of the catalogue. What another process has
// replaced in the meantime stays.
func (s *snapshot) setAside(path string) {
	err := s.locked(func() error {
		if _, err := readEntry(path); !errors.Is(err, errDamaged) {
			return nil
		}
		s.moveAside(path)
		index := s.indexToChange()
		maps.DeleteFunc(index, func(id string, _ infoRecord) bool { return s.entryPath(id) == path })
		return s.writeIndex(index)
	})
	if err != nil {
		s.log.Warn("damaged catalogue entry not set aside", "path", path, "error", err)
	}
}

// moveAside renames a damaged file, and removes the oldest such beyond the
// bound; the lock is held.
func (s *snapshot) moveAside(path string) {
	// The time comes first, so that the names sort by age.
	aside := filepath.Join(s.dir, fmt.Sprintf("%s%020d-%s", damagedPrefix, time.Now().UnixNano(), strings.TrimSuffix(filepath.Base(path), entrySuffix)))
	if err := os.Rename(path, aside); err != nil {
		s.log.Warn("damaged catalogue entry not set aside", "path", path, "error", err)
		return
	}
	s.log.Warn("damaged catalogue entry set aside", "path", aside)
	names := s.files(func(name string) bool { return strings.HasPrefix(name, damagedPrefix) })
	for len(names) > maxDamagedFiles {
		_ = os.Remove(filepath.Join(s.dir, names[0])) // tried again the next time
		names = names[1:]
	}
}

// sweep removes, once, what processes that died while writing have left: all
// writing is done under the lock, which is held.
func (s *snapshot) sweep() {
	s.mu.Lock()
	swept := s.swept
	s.swept = true
	s.mu.Unlock()
	if swept {
		return
	}
	for _, name := range s.files(func(name string) bool { return strings.HasPrefix(name, tempPrefix) }) {
		_ = os.Remove(filepath.Join(s.dir, name)) // harmless where it stays
	}
}

func (s *snapshot) entryFiles() []string {
	return s.files(func(name string) bool { return strings.HasSuffix(name, entrySuffix) })
}

// files returns the names in the folder that are wanted, sorted.
func (s *snapshot) files(wanted func(name string) bool) []string {
	all, err := os.ReadDir(s.dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, f := range all {
		if wanted(f.Name()) {
			names = append(names, f.Name())
		}
	}
	return names
}
