package upstream

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/upstream/child"
)

// nasty are the kinds of children that are easily left behind.
var nasty = []string{"stubborn", "grandchild", "runaway", "shell", "flood"}

// nastyChild configures a child of that kind whose processes carry the mark.
func nastyChild(exe, kind, mark string) Config {
	cfg := Config{Type: Stdio, Config: child.Config{Command: exe, Env: map[string]string{childMode: kind, runMark: mark}}, Limits: DefaultLimits}
	if kind == "shell" { // like npx and uvx: a process that waits for the server
		cfg.Command, cfg.Args = "/bin/sh", []string{"-c", `"$0"; exit $?`, exe}
		cfg.Env[childMode] = "stubborn"
	}
	return cfg
}

func onLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("looks for processes in /proc")
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	t.Parallel()
	onLinux(t)
	for _, kind := range nasty {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			mark := runID + "-close-" + kind
			exe, _ := os.Executable()
			u := newTest(t, nastyChild(exe, kind, mark))
			list(t, u)
			if len(marked(mark)) == 0 {
				t.Fatal("no process is found while the upstream runs")
			}
			u.Close()
			if left := marked(mark); len(left) > 0 {
				t.Errorf("left after Close: %v", left)
			}
		})
	}
}

// proxyToBeKilled connects to one child of each nasty kind and waits.
func proxyToBeKilled() {
	pool := NewPool(0)
	exe, _ := os.Executable()
	for _, kind := range nasty {
		u := New(kind, nastyChild(exe, kind, os.Getenv(runMark)), Options{Client: &mcp.Implementation{Name: "proxy"}, Pool: pool})
		err := u.With(context.Background(), func(ctx context.Context, s *Session) error {
			_, err := s.Call(ctx, Call{Tool: "echo", Arguments: json.RawMessage(`{"text":"up"}`)})
			return err
		})
		if err != nil {
			fmt.Println(kind, err)
			return
		}
	}
	fmt.Println("ready", guardOf(os.Getpid()))
	select {}
}

// guardOf returns the pid of a process's guard, or 0.
func guardOf(parent int) int {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		cmd, _ := os.ReadFile(file)
		stat, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "stat"))
		if fields := strings.Fields(string(stat)); strings.Contains(string(cmd), "mcpproxy-guard") &&
			len(fields) > 3 && fields[3] == strconv.Itoa(parent) {
			pid, _ := strconv.Atoi(fields[0])
			return pid
		}
	}
	return 0
}

// killRounds names the variable that sets how often the proxy is killed, on a
// machine that has nothing else to do.
const killRounds = "KILL_ROUNDS"

func TestKilledProxyLeavesNothing(t *testing.T) {
	t.Parallel()
	onLinux(t)
	rounds := 2
	if n, err := strconv.Atoi(os.Getenv(killRounds)); err == nil {
		rounds = n
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for i := range rounds {
		mark := fmt.Sprintf("%s-kill-%d", runID, i)
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), childMode+"=proxy", runMark+"="+mark)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		cmd.Process.Kill()
		began := time.Now()
		io.Copy(io.Discard, out)
		cmd.Wait()
		var guard int
		if n, _ := fmt.Sscanf(line, "ready %d", &guard); n != 1 || guard == 0 {
			t.Fatalf("round %d: the proxy said %q, %v", i, line, err)
		}
		eventually(t, "all children are gone", func() bool { return len(marked(mark)) == 0 })
		t.Logf("round %d: all children were gone after %v", i, time.Since(began).Round(time.Millisecond))
		eventually(t, "the guard is gone", func() bool {
			// It may be left to this process, which adopts orphans and does not
			// collect those of its own group.
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", guard))
			return err != nil || strings.Contains(string(stat), ") Z ")
		})
	}
}
