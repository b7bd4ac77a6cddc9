//go:build unix

package child_test

import (
	"bufio"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"mcpproxy/upstream/child"
)

// shell configures a shell script that writes "up" when it is ready.
func shell(script string, args ...string) child.Config {
	return child.Config{
		Command: "/bin/sh", Args: append([]string{"-c", script}, args...),
		Env: map[string]string{"CHILD_TEST_RUN": child.RunID},
	}
}

func TestStopWakesWhatIsStopped(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ended")
	p, stop := start(t, shell(`trap 'echo x > "$0"; exit 0' TERM; echo up; while :; do sleep 0.05; done`, file), plain)
	if err := syscall.Kill(p.Pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	stop()
	if _, err := os.Stat(file); err != nil {
		t.Errorf("it did not hear that it was to end: %v", err)
	}
}

// What a program leaves in its group is asked to end as soon as the program
// has ended, and not only when the program's own time is over.
func TestStopAsksTheRestOfTheGroupAtOnce(t *testing.T) {
	t.Parallel()
	child.OnLinux(t)
	var took time.Duration
	for range 4 { // a busy machine delays one or another
		_, stop := start(t, shell(`sleep 3600 & echo up; read -r _`), plain)
		began := time.Now()
		stop()
		if took = time.Since(began); took < child.StdinGrace {
			return
		}
	}
	t.Errorf("it took %v, and no less before", took)
}

func TestStopInAHurry(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{})
	close(closed)
	for name, c := range map[string]struct{ hurry, kill <-chan struct{} }{"hurry": {hurry: closed}, "kill": {kill: closed}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := child.NewGuard()
			t.Cleanup(g.Close)
			cfg := shell(`trap "" TERM; (trap "" TERM; sleep 3600; sleep 3600) & echo up; while :; do sleep 0.05; done`)
			mark := child.RunID + "-in-a-" + name
			cfg.Env["CHILD_TEST_RUN"] = mark
			p, err := child.Start(cfg, g, plain, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := bufio.NewReader(p.Stdout).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			p.Stop(c.hurry, c.kill)
			took := time.Since(began)
			t.Logf("it took %v", took.Round(time.Millisecond))
			if took >= child.Patience {
				t.Errorf("it took %v, as long as without haste", took)
			}
			if left := child.Marked(mark); len(left) > 0 {
				t.Errorf("left after Stop: %v", left)
			}
		})
	}
}
