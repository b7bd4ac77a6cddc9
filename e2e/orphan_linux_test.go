package e2e

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A process that left its group, emptied its environment and lost its parent
// goes with the proxy all the same.
func TestOrphansGoWithTheProxy(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*peer){
		"end of input": (*peer).close,
		"two signals": func(p *peer) {
			p.cmd.Process.Signal(syscall.SIGTERM)
			p.cmd.Process.Signal(os.Interrupt)
			<-p.done
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			host, pid := serveWithOrphan(t, s, "300")
			end(host)
			if err := syscall.Kill(pid, 0); err == nil && state(pid) != "Z" {
				t.Errorf("the orphan is still there")
				syscall.Kill(pid, syscall.SIGKILL)
			}
		})
	}
}

// The proxy collects what ends of that kind while it runs.
func TestEndedOrphansAreCollected(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	_, pid := serveWithOrphan(t, s, "0.2")
	eventually(t, "nothing of it is left", func() bool { return state(pid) == "" })
}

// serveWithOrphan starts a proxy whose upstream has left a process that knows
// neither its group nor its environment, and returns the process's id.
func serveWithOrphan(t *testing.T, s *sandbox, seconds string) (*peer, int) {
	t.Helper()
	script := `(env -i setsid sh -c 'echo $$ > "$0"; exec /bin/sleep "$1"' "$0" "$2" >/dev/null 2>&1 &); exec "$1" as-upstream`
	s.configure(servers{"parent": stdio("sh", "-c", script, s.path("orphan"), self(t), seconds)})
	host := s.serve()
	host.open(rev2025)
	host.through("parent", "echo", entry{"text": "here"}).ok()
	var pid int
	eventually(t, "the orphan runs", func() bool {
		text, _ := os.ReadFile(s.path("orphan"))
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		return pid > 0
	})
	return host, pid
}

// state is the letter of a process's state, empty if there is none.
func state(pid int) string {
	stat, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, rest, _ := strings.Cut(string(stat), ") ")
	letter, _, _ := strings.Cut(rest, " ")
	return letter
}
