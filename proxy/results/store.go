package results

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"mcpproxy/auth/privatefile"
)

// quota bounds what one process keeps on disk, in bytes. The oldest results go
// first.
const quota = 256 << 20

// A Store keeps what is too large for a reply in files that only this user
// can read and that only this process gives out:
//
//	lock         taken by whoever makes or removes a folder of results
//	OWN/lock     held by the folder's owner for as long as it lives
//	OWN/ID.text  the text of a result
//	OWN/ID.json  its structured content, if it has any
//
// The folder is made when the first result is stored and goes with its owner.
// What a killed one left is removed by the next proxy, see sweep.
type Store struct {
	dir string // of all processes
	log *slog.Logger

	disk   sync.Mutex // held while files are made or removed, which is all it is for
	own    string     // our folder; empty before the first result
	unlock func()     // releases the lock of own
	closed bool

	mu     sync.Mutex
	stored []stored // oldest first
	size   int64    // bytes on disk
}

// New returns a store in dir, which all processes of the user share and which
// is made when it is needed.
func New(dir string, log *slog.Logger) *Store { return &Store{dir: dir, log: log} }

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

// An ExpiredError says that a stored result is gone, or never was.
type ExpiredError struct{ ID string }

func (e *ExpiredError) Error() string { return fmt.Sprintf("no stored result %q", e.ID) }

var errClosed = errors.New("the proxy is closing")

// find returns a stored result.
func (s *Store) find(id string) (stored, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.stored {
		if r.id == id {
			return r, nil
		}
	}
	return stored{}, &ExpiredError{ID: id}
}

// keep stores what write writes, and the structured content, if any. Older
// results make room.
func (s *Store) keep(ctx context.Context, write func(io.Writer) error, structured []byte, limit int) (stored, error) {
	s.disk.Lock()
	defer s.disk.Unlock()
	if err := s.open(ctx); err != nil {
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
func (s *Store) add(r stored) (old []stored) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored, s.size = append(s.stored, r), s.size+r.total+r.structured
	for s.size > quota && len(s.stored) > 1 {
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

// lockWait bounds the wait for another process, which holds the lock for
// milliseconds unless it was stopped.
const lockWait = 2 * time.Second

// lock keeps other processes from making and removing folders.
func (s *Store) lock(ctx context.Context) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	return privatefile.Lock(ctx, filepath.Join(s.dir, "lock"))
}

// open makes our folder; s.disk is held.
func (s *Store) open(ctx context.Context) error {
	switch {
	case s.closed:
		return errClosed
	case s.own != "":
		return nil
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	s.removeOrphans()
	own := filepath.Join(s.dir, strings.ToLower(rand.Text()[:16]))
	if s.unlock, err = privatefile.Lock(ctx, filepath.Join(own, "lock")); err != nil {
		return errors.Join(err, os.RemoveAll(own))
	}
	s.own = own
	return nil
}

// Close removes what was stored. Nothing is stored from then on.
func (s *Store) Close() error {
	s.disk.Lock()
	defer s.disk.Unlock()
	s.closed = true
	if s.own == "" {
		return nil
	}
	s.mu.Lock()
	s.stored, s.size = nil, 0
	s.mu.Unlock()
	own := s.own
	s.own = ""
	s.unlock() // some systems do not remove a file that is open
	return os.RemoveAll(own)
}

// Sweep removes what killed processes left, if there is anything at all. What
// cannot be removed is tried again by the next process.
func (s *Store) Sweep(ctx context.Context) {
	s.disk.Lock()
	defer s.disk.Unlock()
	if _, err := os.Stat(s.dir); s.closed || err != nil {
		return
	}
	if unlock, err := s.lock(ctx); err == nil {
		s.removeOrphans()
		unlock()
	}
}

// removeOrphans removes the folders whose owners are gone: the system lets go
// of a lock with its process.
func (s *Store) removeOrphans() {
	folders, _ := os.ReadDir(s.dir)
	for _, f := range folders {
		path := filepath.Join(s.dir, f.Name())
		if f.IsDir() && !privatefile.Held(filepath.Join(path, "lock")) {
			_ = os.RemoveAll(path)
		}
	}
}
