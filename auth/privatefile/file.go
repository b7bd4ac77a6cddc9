package privatefile

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

var (
	// ErrTooLarge says that a file exceeds the limit.
	ErrTooLarge = errors.New("file too large")

	// ErrNotRegular says that a path is not that of a regular file.
	ErrNotRegular = errors.New("not a regular file")

	// ErrShared says that a folder is made to be shared, such as /tmp.
	ErrShared = errors.New("the folder is shared with other users")

	// ErrDamaged is returned by the change of an [Update] that cannot decode
	// the content.
	ErrDamaged = errors.New("damaged")
)

// Folder makes dir, and the folders above it, for the user alone (mode
// 0700). It closes an existing dir to others, except one with the sticky
// bit, which gives [ErrShared]. On Windows the folder inherits its access
// rights from the profile of the user.
func Folder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return err
	case !opensToOthers(info):
		return nil
	case info.Mode()&fs.ModeSticky != 0:
		return &fs.PathError{Op: "use", Path: dir, Err: ErrShared}
	}
	return os.Chmod(dir, 0o700)
}

// Read returns the content of the file at path, and removes the access
// rights of others. A file of more than limit bytes gives [ErrTooLarge],
// anything but a regular file [ErrNotRegular], a missing file
// [fs.ErrNotExist].
func Read(path string, limit int64) ([]byte, error) {
	var content []byte
	err := retrySharing(func() (err error) {
		content, err = read(path, limit)
		return err
	})
	return content, err
}

func read(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path) // before opening, which would block on a named pipe
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: ErrNotRegular}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, &fs.PathError{Op: "read", Path: path, Err: ErrTooLarge}
	}
	if opensToOthers(info) {
		_ = os.Chmod(path, 0o600) // the content is valid in any case
	}
	return content, nil
}

// Replace replaces the file at path by one of mode 0600 with that content,
// durably: after a crash at any point the old content or the new one is
// there, complete. It replaces a symbolic link and does not follow it.
//
// The caller holds the lock of the file, for which the folder was made.
// There is therefore only one temporary file, path + ".tmp", and the next
// call removes the one that a crash has left.
func Replace(path string, content []byte) (err error) {
	name := path + ".tmp"
	if err = os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	tmp, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(name)
		}
	}()
	if _, err = tmp.Write(content); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if err = retrySharing(func() error { return os.Rename(name, path) }); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// SetAside renames a damaged file to path + ".damaged-" and the time, so
// that the user can look at it.
func SetAside(path string) error {
	return os.Rename(path, path+".damaged-"+time.Now().UTC().Format("20060102T150405.000000000"))
}

// Update changes a file that several processes write. It takes the lock at
// path + ".lock" like [Lock], reads the file like [Read], and replaces it
// with what change returns for its content. The content is nil if there is
// no file. If change returns nil, the file stays as it is.
//
// An error of change is returned and nothing is written. After [ErrDamaged],
// however, the file is set aside, see [SetAside], and change is called again
// with nil.
func Update(ctx context.Context, path string, limit int64, change func(content []byte) ([]byte, error)) error {
	unlock, err := Lock(ctx, path+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	content, err := Read(path, limit)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	next, err := change(content)
	if content != nil && errors.Is(err, ErrDamaged) {
		if err := SetAside(path); err != nil {
			return err
		}
		next, err = change(nil)
	}
	if err != nil || next == nil {
		return err
	}
	return Replace(path, next)
}
