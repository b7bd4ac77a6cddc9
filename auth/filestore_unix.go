//go:build unix

package auth

import (
	"errors"
	"os"
	"syscall"
)

// retrySharing is for Windows, where an open file can stand in the way.
func retrySharing(f func() error) error { return f() }

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
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
