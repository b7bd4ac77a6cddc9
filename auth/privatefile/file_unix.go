//go:build unix

package privatefile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// opensToOthers reports whether the mode gives others any right.
func opensToOthers(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }

// retrySharing calls f once: here an open file is never in the way.
func retrySharing(f func() error) error { return f() }

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	// Some network file systems cannot, and have nothing better to offer.
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}
