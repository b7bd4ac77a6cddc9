package proxy

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"mcpproxy/proxy/config"
)

// resultsQuota bounds what one proxy keeps on disk, in bytes. The oldest
// results go first.
const resultsQuota = 256 << 20

// A store keeps what is too large for a reply in files that only this user
// can read and that only this process gives out:
//
//	lock         taken by whoever makes or removes a folder of results
//	OWN/lock     held by the folder's owner for as long as it lives
//	OWN/ID.text  the text of a result
//	OWN/ID.json  its structured content, if it has any
//
// The folder is made when the first result is stored and goes with its owner.
// What a killed one left is removed by the next proxy, see sweep.
type store struct {
	dir string // of all processes

	disk sync.Mutex   // held while files are made or removed, which is all it is for
	own  string       // our folder; empty before the first result
	lock *flock.Flock // of own
	shut bool

	mu     sync.Mutex
	stored []stored // oldest first
	size   int64    // bytes on disk
}

// A stored result is a text to page through and a value to select from: the
// structured content if there is any, else the text.
type stored struct {
	id         string
	folder     string
	total      int64 // bytes of the text
	structured int64 // bytes of the structured content; 0 if there is none
	limit      int   // bytes of text that one reply may hold
}

func (s stored) text() string { return filepath.Join(s.folder, s.id+".text") }
func (s stored) json() string { return filepath.Join(s.folder, s.id+".json") }

// value returns the file to select from.
func (s stored) value() (path string, size int64) {
	if s.structured > 0 {
		return s.json(), s.structured
	}
	return s.text(), s.total
}

// A ResultExpiredError says that a stored result is gone, or never was.
type ResultExpiredError struct{ ID string }

func (e *ResultExpiredError) Error() string { return fmt.Sprintf("no stored result %q", e.ID) }

var errShut = errors.New("the proxy is closing")

// find returns a stored result.
func (s *store) find(id string) (stored, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.stored {
		if r.id == id {
			return r, nil
		}
	}
	return stored{}, &ResultExpiredError{ID: id}
}

// keep stores what write writes, and the structured content, if any. Older
// results make room.
func (s *store) keep(write func(io.Writer) error, structured []byte, limit int) (stored, error) {
	s.disk.Lock()
	defer s.disk.Unlock()
	if err := s.open(); err != nil {
		return stored{}, err
	}
	r := stored{id: "r" + strings.ToLower(rand.Text()[:9]), folder: s.own, limit: limit}
	err := writeFile(r.text(), func(w io.Writer) error {
		counted := &counter{w: w}
		err := write(counted)
		r.total = counted.n
		return err
	})
	if err == nil && len(structured) > 0 {
		r.structured = int64(len(structured))
		err = os.WriteFile(r.json(), structured, 0o600)
	}
	if err != nil {
		r.remove()
		return stored{}, err
	}
	for _, old := range s.add(r) {
		old.remove()
	}
	return r, nil
}

// add lists a result and returns those that have to make room for it.
func (s *store) add(r stored) (old []stored) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored, s.size = append(s.stored, r), s.size+r.total+r.structured
	for s.size > resultsQuota && len(s.stored) > 1 {
		first := s.stored[0]
		old = append(old, first)
		s.stored, s.size = s.stored[1:], s.size-first.total-first.structured
	}
	return old
}

// remove deletes the files. One that stays goes with its folder.
func (s stored) remove() {
	_ = os.Remove(s.text())
	if s.structured > 0 {
		_ = os.Remove(s.json())
	}
}

func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 32<<10)
	return errors.Join(write(w), w.Flush(), f.Close())
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// open makes our folder; s.disk is held.
func (s *store) open() error {
	switch {
	case s.shut:
		return errShut
	case s.own != "":
		return nil
	}
	if err := config.MakePrivateDir(s.dir); err != nil {
		return err
	}
	return s.locked(func() error {
		removeOrphans(s.dir)
		own := filepath.Join(s.dir, strings.ToLower(rand.Text()[:16]))
		if err := os.Mkdir(own, 0o700); err != nil {
			return err
		}
		lock := flock.New(filepath.Join(own, "lock"), flock.SetPermissions(0o600))
		if _, err := lock.TryLock(); err != nil {
			return errors.Join(err, os.RemoveAll(own))
		}
		s.own, s.lock = own, lock
		return nil
	})
}

// close removes what was stored. Nothing is stored from then on.
func (s *store) close() error {
	s.disk.Lock()
	defer s.disk.Unlock()
	s.shut = true
	if s.own == "" {
		return nil
	}
	s.mu.Lock()
	s.stored, s.size = nil, 0
	s.mu.Unlock()
	own := s.own
	s.own = ""
	// Some systems do not remove a file that is open.
	return errors.Join(s.lock.Close(), os.RemoveAll(own))
}

// sweep removes what killed processes left, if there is anything at all. What
// cannot be removed is tried again by the next.
func (s *store) sweep() {
	s.disk.Lock()
	defer s.disk.Unlock()
	if _, err := os.Stat(s.dir); s.shut || err != nil {
		return
	}
	_ = s.locked(func() error { removeOrphans(s.dir); return nil })
}

// maxStoreWait bounds the wait for another process, which holds the lock for
// milliseconds unless it was stopped.
const maxStoreWait = 2 * time.Second

var errStoreLocked = errors.New("another process holds the lock of the results")

// locked runs work while no other process makes or removes folders.
func (s *store) locked(work func() error) error {
	lock := flock.New(filepath.Join(s.dir, "lock"), flock.SetPermissions(0o600))
	defer lock.Close()
	for deadline := time.Now().Add(maxStoreWait); ; time.Sleep(2 * time.Millisecond) {
		switch taken, err := lock.TryLock(); {
		case err != nil:
			return err
		case taken:
			return work()
		case time.Now().After(deadline):
			return errStoreLocked
		}
	}
}

// removeOrphans removes the folders whose owners are gone: their locks, which
// the system lets go of with the process, can be taken.
func removeOrphans(dir string) {
	folders, _ := os.ReadDir(dir)
	for _, f := range folders {
		if !f.IsDir() {
			continue
		}
		path := filepath.Join(dir, f.Name())
		lock := flock.New(filepath.Join(path, "lock"), flock.SetPermissions(0o600))
		taken, err := lock.TryLock()
		_ = lock.Close()
		if taken && err == nil {
			_ = os.RemoveAll(path)
		}
	}
}
