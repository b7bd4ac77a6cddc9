package privatefile

import (
	"errors"
	"io/fs"
	"time"

	"golang.org/x/sys/windows"
)

// opensToOthers is always false, because access lists replace mode bits.
func opensToOthers(fs.FileInfo) bool { return false }

// sharingWait bounds the wait for another process to close the file.
const sharingWait = 2 * time.Second

// retrySharing repeats f while another process has the file open, because
// Windows neither replaces a file that is being read nor opens one that is
// being replaced.
func retrySharing(f func() error) error {
	for deadline := time.Now().Add(sharingWait); ; time.Sleep(5 * time.Millisecond) {
		err := f()
		busy := errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
		if !busy || time.Now().After(deadline) {
			return err
		}
	}
}

// syncFolder does nothing: NTFS journals the rename, and a folder cannot be
// flushed.
func syncFolder(string) error { return nil }
