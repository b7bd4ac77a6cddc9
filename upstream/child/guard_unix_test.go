//go:build unix

package child

import (
	"os"
	"os/exec"
	"testing"
)

func TestGuardIsReplaced(t *testing.T) {
	t.Parallel()
	onLinux(t)
	g := NewGuard()
	g.prepare()
	sleep := exec.Command("sleep", "3600")
	group, err := startGroup(sleep)
	if err != nil {
		t.Fatal(err)
	}
	defer sleep.Process.Kill()
	g.add(group)
	pid := func() int {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.shell == nil {
			return 0
		}
		return g.shell.Pid
	}
	first := pid()
	p, err := os.FindProcess(first) // a young one: how long it lived must not matter
	if err != nil {
		t.Fatal(err)
	}
	p.Kill()
	eventually(t, "another guard runs", func() bool { n := pid(); return n != 0 && n != first })
	// So our death looks to it, while close would not wait long for it.
	g.mu.Lock()
	g.pipe.Close()
	g.mu.Unlock()
	if err := sleep.Wait(); err == nil || sleep.ProcessState.Success() {
		t.Errorf("the new guard did not know of the group: %v", sleep.ProcessState)
	}
	g.remove(group)
	g.Close()
}
