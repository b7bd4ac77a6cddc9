package privatefile

import (
	"errors"
	"io/fs"
	"time"

	"golang.org/x/sys/windows"
)

// opensToOthers is always false: access lists, not mode bits, say who may.
func opensToOthers(fs.FileInfo) bool { return false }

// sharingWait bounds the wait for another process to close a file.
const sharingWait = 2 * time.Second

// retrySharing repeats f while another process has the file open: Windows
// neither replaces a file that is being read nor opens one that is being
// replaced, and both are over in a moment.
func retrySharing(f func() error) error {
	for deadline := time.Now().Add(sharingWait); ; time.Sleep(5 * time.Millisecond) {
		err := f()
		busy := errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
		if !busy || time.Now().After(deadline) {
			return err
		}
	}
}

// syncFolder does nothing: NTFS journals the rename, and a folder has no
// handle that could be flushed.
func syncFolder(string) error { return nil }
