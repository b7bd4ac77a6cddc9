package privatefile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// MaxWait bounds every wait for a lock, because a stopped process holds its
// locks for ever.
const MaxWait = time.Minute

// lockPoll is the time between two attempts, because no operating system
// lets a context end the wait for a file lock.
const lockPoll = 20 * time.Millisecond

// Lock takes the lock file at path against other processes and other
// goroutines, and returns the function that releases it, which may be called
// again. It makes the folder of the lock file, see [Folder]. The lock also
// ends with the process.
//
// Lock waits until ctx ends, at most [MaxWait]. The error is then a
// [*fs.PathError] around [context.DeadlineExceeded] or [context.Canceled].
// Other errors mean that the file cannot be made or locked.
//
// A lock file must not be removed while others may use it: a process that
// waits for the removed file and one that makes a new file would both get
// the lock.
func Lock(ctx context.Context, path string) (unlock func(), err error) {
	if err := Folder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, MaxWait)
	defer cancel()
	// The lock belongs to the open file, so it excludes other goroutines
	// too.
	f := flock.New(path, flock.SetPermissions(0o600))
	if _, err := f.TryLockContext(ctx, lockPoll); err != nil {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			err = &fs.PathError{Op: "lock", Path: path, Err: err}
		}
		return nil, err
	}
	return func() { _ = f.Unlock() }, nil // closing the file releases the lock in any case
}

// Held reports whether any process, including this one, holds the lock file
// at path. It does not wait and makes no file.
func Held(path string) bool {
	if _, err := os.Stat(path); err != nil {
		return false
	}
	f := flock.New(path, flock.SetPermissions(0o600))
	free, err := f.TryRLock() // shared, so that two callers do not see each other
	_ = f.Unlock()
	return err == nil && !free
}
