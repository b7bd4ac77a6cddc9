//go:build unix

package demo

import "syscall"

// processAlive reports whether a process of that id exists.
func processAlive(pid int) bool { return syscall.Kill(pid, 0) == nil }
