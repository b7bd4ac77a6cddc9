//go:build unix

package child

import (
	"os"
	"os/exec"
	"testing"
	"time"
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
	<-time.After(minGuardLife)
	p, err := os.FindProcess(first)
	if err != nil {
		t.Fatal(err)
	}
	p.Kill()
	eventually(t, 5*time.Second, "another guard runs", func() bool { n := pid(); return n != 0 && n != first })
	g.Close() // as our death would look to it
	if err := sleep.Wait(); err == nil || sleep.ProcessState.Success() {
		t.Errorf("the new guard did not know of the group: %v", sleep.ProcessState)
	}
}
