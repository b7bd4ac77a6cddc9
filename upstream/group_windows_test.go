package upstream

import "os/exec"

// leaveGroup does nothing, since a job object cannot be left.
func leaveGroup(*exec.Cmd) {}

func stopProcess(int) {}
