//go:build unix

package main

import (
	"io"
	"os"
	"syscall"
)

// pollable returns a stream of which a read that waits holds no thread, if it is a
// pipe or a socket. The message that ends the wait then reaches the next goroutine
// without another thread that must wake up. f is not to be used any more.
func pollable(f io.ReadCloser) io.ReadCloser {
	file, ok := f.(*os.File)
	if !ok {
		return f
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return f // what others may read as well stays as it is
	}
	fd := int(file.Fd())
	if syscall.SetNonblock(fd, true) != nil {
		return f
	}
	return os.NewFile(uintptr(fd), file.Name())
}
