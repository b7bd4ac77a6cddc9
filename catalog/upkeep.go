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

// evict removes the entries listed longest ago, but never keep, until the bounds
// hold. The caller holds the lock.
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

// rebuild makes the index from the entries' files. The caller holds the lock.
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

// damagedPrefix begins the name of a file that was set aside.
const damagedPrefix = ".damaged-"

// setAside takes a damaged entry out of the catalogue, unless another process has
// replaced it meanwhile.
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

// moveAside renames a damaged file, and removes the oldest ones beyond the bound.
// The caller holds the lock.
func (s *snapshot) moveAside(path string) {
	// The name begins with the time, so that names sort by age.
	aside := filepath.Join(s.dir, fmt.Sprintf("%s%020d-%s", damagedPrefix, time.Now().UnixNano(), strings.TrimSuffix(filepath.Base(path), entrySuffix)))
	if err := os.Rename(path, aside); err != nil {
		s.log.Warn("damaged catalogue entry not set aside", "path", path, "error", err)
		return
	}
	s.log.Warn("damaged catalogue entry set aside", "path", aside)
	names := s.files(func(name string) bool { return strings.HasPrefix(name, damagedPrefix) })
	for len(names) > maxDamagedFiles {
		_ = os.Remove(filepath.Join(s.dir, names[0])) // the next call tries again
		names = names[1:]
	}
}

// sweep removes, once in a process, the temporary files of processes that died
// while writing. The caller holds the lock, so no process is writing.
func (s *snapshot) sweep() {
	s.mu.Lock()
	swept := s.swept
	s.swept = true
	s.mu.Unlock()
	if swept {
		return
	}
	for _, name := range s.files(func(name string) bool { return strings.HasPrefix(name, tempPrefix) }) {
		_ = os.Remove(filepath.Join(s.dir, name)) // a file that stays does no harm
	}
}

func (s *snapshot) entryFiles() []string {
	return s.files(func(name string) bool { return strings.HasSuffix(name, entrySuffix) })
}

// files returns the wanted names in the folder, sorted.
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
