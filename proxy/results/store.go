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
	"regexp"
	"strings"
	"sync"
	"time"

	"mcpproxy/auth/privatefile"
)

// quota bounds what one process keeps on disk, in bytes. Beyond it the oldest
// results are removed.
const quota = 256 << 20

// A Store keeps what is too large for a reply in files that only this user
// can read and that only this process gives out:
//
//	lock         held while a process makes its folder or removes orphans
//	OWN/lock     held by the process that owns the folder until it ends
//	OWN/ID.text  the text of a result
//	OWN/ID.json  its structured content, if it has any
//
// The first result makes the folder, and Close removes it. A folder whose lock
// nobody holds is an orphan: its process was killed. The next process removes
// it, see [Store.Sweep].
type Store struct {
	dir string // shared by all processes
	log *slog.Logger

	// One of these is held while a result is searched or selected from, which takes
	// memory and time. Their capacities bound both, and let others read beside a
	// slow one.
	small, large chan struct{}

	disk   chan struct{} // capacity 1: held while files are written or removed, see the package's map
	own    string        // our folder; empty before the first result and after Close
	unlock func()        // releases the lock of own
	closed bool

	mu     sync.Mutex
	stored []stored // oldest first
	size   int64    // bytes of stored on disk
}

// New returns a store in dir, which all processes of the user share. The first
// result makes dir.
func New(dir string, log *slog.Logger) *Store {
	return &Store{
		dir: dir, log: log, disk: make(chan struct{}, 1),
		small: make(chan struct{}, 2), large: make(chan struct{}, 1),
	}
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

// text and json return the paths of the files.
func (s stored) text() string { return filepath.Join(s.folder, s.id+".text") }
func (s stored) json() string { return filepath.Join(s.folder, s.id+".json") }

// value returns the file to select from.
func (s stored) value() (path string, size int64) {
	if s.structured > 0 {
		return s.json(), s.structured
	}
	return s.text(), s.total
}

// An ExpiredError says that the process has no stored result of that ID, or no
// longer.
type ExpiredError struct{ ID string }

func (e *ExpiredError) Error() string { return fmt.Sprintf("no stored result %q", e.ID) }

var errClosed = errors.New("the proxy is closing")

// find returns a stored result, or an *ExpiredError.
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

// keep stores what write writes, and the structured content, if any. It removes
// older results beyond the quota.
func (s *Store) keep(ctx context.Context, write func(io.Writer) error, structured []byte, limit int) (stored, error) {
	if err := s.holdDisk(ctx); err != nil {
		return stored{}, err
	}
	defer s.releaseDisk()
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

// add lists a result and takes the oldest beyond the quota off the list, which
// it returns.
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

// remove removes the files. It ignores errors, because Close removes the folder.
func (s stored) remove() {
	_ = os.Remove(s.text())
	if s.structured > 0 {
		_ = os.Remove(s.json())
	}
}

// writeFile makes a new file of what write writes.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 32<<10)
	return errors.Join(write(w), w.Flush(), f.Close())
}

// A counter counts the bytes that are written through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// holdDisk waits for the right to write and remove files.
func (s *Store) holdDisk(ctx context.Context) error {
	select {
	case s.disk <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) releaseDisk() { <-s.disk }

// lockWait bounds the wait for another process, which holds the lock for
// milliseconds unless it was stopped.
const lockWait = 2 * time.Second

// lock takes the lock that all processes share. A folder without a held lock is
// an orphan only under it.
func (s *Store) lock(ctx context.Context) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	return privatefile.Lock(ctx, filepath.Join(s.dir, "lock"))
}

// open makes our folder, with s.disk held. It holds the shared lock until it
// holds the lock of the folder, so that no other process takes the new folder
// for an orphan.
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

// Close removes what was stored. After it nothing is stored, and [Store.Fit]
// replaces what is too large by its beginning.
func (s *Store) Close() error {
	s.disk <- struct{}{}
	defer s.releaseDisk()
	s.closed = true
	if s.own == "" {
		return nil
	}
	s.mu.Lock()
	s.stored, s.size = nil, 0
	s.mu.Unlock()
	own := s.own
	s.own = ""
	s.unlock() // first, because Windows does not remove a file that is open
	return os.RemoveAll(own)
}

// Sweep removes the folders that killed processes left. It waits up to two
// seconds for other processes and ignores errors, because the next process
// tries again.
func (s *Store) Sweep(ctx context.Context) {
	if s.holdDisk(ctx) != nil {
		return
	}
	defer s.releaseDisk()
	if _, err := os.Stat(s.dir); s.closed || err != nil {
		return
	}
	if unlock, err := s.lock(ctx); err == nil {
		s.removeOrphans()
		unlock()
	}
}

// removeOrphans removes the folders of ours whose lock nobody holds, with the
// shared lock held. The operating system releases a lock with its process.
func (s *Store) removeOrphans() {
	folders, _ := os.ReadDir(s.dir)
	for _, f := range folders {
		path := filepath.Join(s.dir, f.Name())
		if f.IsDir() && ownName.MatchString(f.Name()) && isOrphan(filepath.Join(path, "lock")) {
			_ = os.RemoveAll(path)
		}
	}
}

// ownName is the shape of the names of our folders, see open. Whatever else lies
// beside them is somebody else's.
var ownName = regexp.MustCompile(`^[a-z2-7]{16}$`)

// isOrphan reports whether there is a lock file that nobody holds. One that cannot
// be opened may be held.
func isOrphan(lock string) bool {
	info, err := os.Lstat(lock)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(lock)
	if err != nil {
		return false
	}
	f.Close()
	return !privatefile.Held(lock)
}
