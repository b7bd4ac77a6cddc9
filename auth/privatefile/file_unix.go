//go:build unix

package privatefile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// opensToOthers reports whether others have any access right.
func opensToOthers(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }

// retrySharing calls f once, because an open file does not block others.
func retrySharing(f func() error) error { return f() }

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	// Some network file systems do not support it.
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}
