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

// MaxWait bounds every wait for a lock, because a process that was stopped
// holds its locks for ever.
const MaxWait = time.Minute

// lockPoll is the time between two tries for a lock that is held; the
// operating systems offer no wait for a file lock that a context could end.
const lockPoll = 20 * time.Millisecond

// Lock takes the lock file at path against other processes and other
// goroutines, and returns the function that releases it, which may be called
// more than once. The folder of the lock file is made if need be, see
// [Folder]. The lock also ends with the process.
//
// Lock waits until ctx ends, and no longer than [MaxWait]. The error is then
// a [*fs.PathError] around [context.DeadlineExceeded] or [context.Canceled];
// other errors mean that the file cannot be made or locked.
//
// A lock file is never removed while others may want it: a process that waits
// for the removed file and one that makes it anew would both hold it.
func Lock(ctx context.Context, path string) (unlock func(), err error) {
	if err := Folder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, MaxWait)
	defer cancel()
	// A lock belongs to the open file, so that this one keeps out other
	// goroutines as well.
	f := flock.New(path, flock.SetPermissions(0o600))
	if _, err := f.TryLockContext(ctx, lockPoll); err != nil {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			err = &fs.PathError{Op: "lock", Path: path, Err: err}
		}
		return nil, err
	}
	return func() { _ = f.Unlock() }, nil // closing the file frees the lock even where this fails
}

// Held reports whether a living process, this one included, holds the lock
// file at path. It never waits, and makes no file.
func Held(path string) bool {
	if _, err := os.Stat(path); err != nil {
		return false
	}
	f := flock.New(path, flock.SetPermissions(0o600))
	free, err := f.TryRLock() // shared: two that ask at once do not see each other
	_ = f.Unlock()
	return err == nil && !free
}
