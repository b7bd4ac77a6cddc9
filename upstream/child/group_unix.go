//go:build unix

package child

import (
	"os/exec"
	"syscall"
)

// A group is the process group that a child leads, with what it starts.
type group struct{ pgid int }

// startGroup starts cmd as the leader of a new process group, without which a
// shell, npx or uvx in front of a server would die alone.
func startGroup(cmd *exec.Cmd) (*group, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &group{pgid: cmd.Process.Pid}, nil
}

// terminate asks the group to end, also what is stopped and could not hear it.
func (g *group) terminate() {
	syscall.Kill(-g.pgid, syscall.SIGTERM)
	syscall.Kill(-g.pgid, syscall.SIGCONT)
}

func (g *group) kill()       { syscall.Kill(-g.pgid, syscall.SIGKILL) }
func (g *group) alive() bool { return syscall.Kill(-g.pgid, 0) == nil && !allZombies(g.pgid) }
func (g *group) close()      {}
