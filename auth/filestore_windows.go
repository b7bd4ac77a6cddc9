package auth

import (
	"errors"
	"time"

	"golang.org/x/sys/windows"
)

// retrySharing repeats f while another process has the file open: Windows
// neither replaces a file that is being read nor opens one that is being
// replaced, and either is over in a moment.
func retrySharing(f func() error) error {
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := f()
		busy := errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
		if !busy || time.Now().After(deadline) {
			return err
		}
	}
}

// syncDir does nothing: NTFS journals the rename, and a folder has no handle
// that could be flushed.
func syncDir(string) error { return nil }
