//go:build unix

package upstream

import "syscall"

// writeNow writes as much of b as a pipe takes without waiting.
func writeNow(pipe syscall.RawConn, b []byte) (n int) {
	_ = pipe.Write(func(fd uintptr) bool { // an error is met again by who writes the rest
		n, _ = syscall.Write(int(fd), b)
		return true
	})
	return max(n, 0)
}
