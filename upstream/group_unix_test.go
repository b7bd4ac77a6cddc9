//go:build unix

package upstream

import (
	"os/exec"
	"syscall"
)

// leaveGroup makes a command escape its parent's process group.
func leaveGroup(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

func stopProcess(pid int) { syscall.Kill(pid, syscall.SIGSTOP) }
