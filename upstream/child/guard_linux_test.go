package child

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// The guard kills the groups that it knows also where the system has no room for
// another process, at which a shell ends.
func TestGuardNeedsNoOtherProcess(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root, to run the guard as a user with a limit of its own")
	}
	if _, err := exec.LookPath("prlimit"); err != nil {
		t.Skip("needs prlimit, of util-linux")
	}
	const nobody = 65534
	as := func(script string, in ...string) (*exec.Cmd, *os.File) {
		t.Helper()
		args := append(in, "/bin/sh", "-c", script, "mcpproxy-guard", guardEnv)
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = []string{"PATH=/usr/bin:/bin", "GUARD=" + guardScript}
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdin = r
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		r.Close()
		t.Cleanup(func() { w.Close() })
		return cmd, w
	}
	stubborn, stdin := as(`trap "" TERM; read -r _`)
	guard, pipe := as(`eval "$GUARD"`, "prlimit", "--nproc=0")
	fmt.Fprintf(pipe, "mark none\n+ %d\n", stubborn.Process.Pid)
	pipe.Close()
	_ = guard.Wait()
	ended := make(chan error, 1)
	go func() { ended <- stubborn.Wait() }()
	eventually(t, "the child is gone", func() bool { return len(ended) > 0 })
	<-ended
	if status := stubborn.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
		t.Errorf("the child ended with %v", stubborn.ProcessState)
	}
	stdin.Close()
}
