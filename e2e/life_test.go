//go:build unix

package e2e

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// started lists the processes of the fake upstream that a journal tells of.
func started(path string) (pids []int) {
	text, _ := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		if pid, what, _ := strings.Cut(strings.TrimSpace(line), " "); what == "started" {
			n, _ := strconv.Atoi(pid)
			pids = append(pids, n)
		}
	}
	return pids
}

func noted(path, what string) bool {
	text, _ := os.ReadFile(path)
	return strings.Contains(string(text), what)
}

// An upstream that is killed in the middle of a call fails that call alone,
// and is there again for the next one.
func TestKilledUpstreamHarmsNothingElse(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.configure(servers{
		"victim":    fake(t, "-journal", s.path("victim"), "-family"),
		"bystander": fake(t, "-journal", s.path("bystander")),
	})
	host := s.serve()
	host.open(rev2025)
	_, bystander := host.ask("tools/call", entry{"name": "mcp", "arguments": entry{"action": "call", "server": "bystander", "tool": "wait"}})
	_, victim := host.ask("tools/call", entry{"name": "mcp", "arguments": entry{"action": "call", "server": "victim", "tool": "wait"}})
	eventually(t, "both calls run", func() bool {
		return noted(s.path("victim"), "waiting") && noted(s.path("bystander"), "waiting")
	})
	if err := syscall.Kill(started(s.path("victim"))[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	newToolResult(t, host.await("the victim's call", victim).Result).refused("interrupted")
	host.through("bystander", "echo", entry{"text": "undisturbed"}).ok()
	select {
	case m := <-bystander:
		t.Errorf("the other upstream's call ended too: %s", m.Result)
	default:
	}
	host.through("victim", "echo", entry{"text": "back"}).ok()
	if n := len(started(s.path("bystander"))); n != 1 {
		t.Errorf("the other upstream was started %d times", n)
	}
}

// An upstream that ends by itself in the middle of a call: the model is told
// that the tool may have run, and nothing is repeated.
func TestUpstreamExitsDuringCall(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.configure(servers{"fake": fake(t, "-journal", s.path("journal"))})
	host := s.serve()
	host.open(rev2025)
	host.through("fake", "exit", entry{}).refused("interrupted")
	host.through("fake", "echo", entry{"text": "back"}).ok()
	if n := len(started(s.path("journal"))); n != 2 {
		t.Errorf("the upstream was started %d times", n)
	}
}

// However the proxy ends, nothing of what it started stays: neither children
// that ignore every request to go, nor their own children.
func TestNothingIsLeftRunning(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*peer){
		"stdin closed": (*peer).close,
		"SIGTERM": func(p *peer) {
			p.cmd.Process.Signal(syscall.SIGTERM)
			<-p.done
		},
		"SIGINT": func(p *peer) {
			p.cmd.Process.Signal(os.Interrupt)
			<-p.done
		},
		"SIGKILL": (*peer).kill,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			list := servers{
				"plain":    fake(t),
				"family":   fake(t, "-family"),
				"stubborn": fake(t, "-family", "-stubborn"),
				"shell":    stdio("sh", "-c", self(t)+" as-upstream -family; true"),
			}
			s.configure(list)
			host := s.serve()
			host.open(rev2025)
			for server := range list {
				host.through(server, "echo", entry{"text": "here"}).ok()
			}
			if n := len(processes(s.dir)); n < len(list)+2*3 {
				t.Fatalf("only %d processes run, the children's children are missing", n)
			}
			end(host)
			s.nothingRuns(10 * time.Second)
		})
	}
}

// What a host says about a call in flight reaches the upstream, and what the
// upstream says about it reaches the host.
func TestProgressAndCancellation(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.configure(servers{"fake": fake(t, "-journal", s.path("journal"))})
	host := s.serve()
	host.open(rev2025)
	id, _ := host.ask("tools/call", entry{
		"name": "mcp", "arguments": entry{"action": "call", "server": "fake", "tool": "wait"},
		"_meta": entry{"progressToken": "mine"},
	})
	eventually(t, "progress arrives", func() bool { return len(host.notifications("notifications/progress")) > 2 })
	for _, n := range host.notifications("notifications/progress") {
		if !strings.Contains(string(n.Params), `"progressToken":"mine"`) || !strings.Contains(string(n.Params), `"message":"step `) {
			t.Errorf("progress came as %s", n.Params)
		}
	}
	host.notify("notifications/cancelled", `{"requestId":`+strconv.FormatInt(id, 10)+`,"reason":"enough"}`)
	eventually(t, "the upstream hears of it", func() bool { return noted(s.path("journal"), "cancelled") })
	host.through("fake", "echo", entry{"text": "still here"}).ok()
	if n := len(started(s.path("journal"))); n != 1 {
		t.Errorf("the upstream was started %d times", n)
	}
}

// Five hundred callers of a sleeping upstream start it once.
func TestOneStartForManyCallers(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.configure(servers{"fake": fake(t, "-journal", s.path("journal"))})
	host := s.serve()
	host.open(rev2025)
	var answers []<-chan message
	for range 500 {
		_, ch := host.ask("tools/call", entry{"name": "mcp", "arguments": entry{"action": "call", "server": "fake", "tool": "echo", "arguments": entry{"text": "all"}}})
		answers = append(answers, ch)
	}
	for _, ch := range answers {
		newToolResult(t, host.await("a call", ch).Result).ok()
	}
	if n := len(started(s.path("journal"))); n != 1 {
		t.Errorf("the upstream was started %d times", n)
	}
}

// A host that sends lines which are no messages and reads nothing: the proxy
// ends all the same, at the end of its input and at SIGTERM.
func TestHostThatDoesNotRead(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*exec.Cmd, io.Closer){
		"stdin closed": func(_ *exec.Cmd, stdin io.Closer) { stdin.Close() },
		"SIGTERM":      func(cmd *exec.Cmd, _ io.Closer) { cmd.Process.Signal(syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			s.configure(servers{"fake": fake(t)})
			cmd := s.command(context.WithoutCancel(t.Context()), binary(t), "serve")
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer stdout.Close()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// Each refusal is about as long as its line: more than a pipe holds.
			sent := make(chan error, 1)
			go func() {
				_, err := io.WriteString(stdin, strings.Repeat(`{"id":"`+strings.Repeat("x", 4000)+"\"}\n", 100))
				sent <- err
			}()
			select {
			case err := <-sent:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(time.Minute):
				t.Error("the proxy does not read on")
			}
			end(cmd, stdin)
			gone := make(chan error, 1)
			go func() { gone <- cmd.Wait() }()
			select {
			case <-gone:
			case <-time.After(time.Minute):
				t.Error("still there")
				cmd.Process.Kill()
				<-gone
			}
		})
	}
}
