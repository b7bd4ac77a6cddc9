package child

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary becomes a program of the kind that mode names. runMark
// marks every process that this run starts, however indirectly.
const (
	mode    = "CHILD_TEST_MODE"
	runMark = "CHILD_TEST_RUN"
)

// runID tells this run from others on the machine.
var runID = rand.Text()

func TestMain(m *testing.M) {
	if kind := os.Getenv(mode); kind != "" {
		program(kind)
		os.Exit(0)
	}
	code := m.Run()
	if code == 0 {
		code = leaks()
	}
	os.Exit(code)
}

// program does what a kind of server does that is hard to stop. Each but the
// stubborn one ends with its stdin.
func program(kind string) {
	switch kind {
	case "stubborn":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		fmt.Println("up")
		<-time.After(time.Hour)
	case "grandchild", "runaway":
		c := exec.Command("sleep", "3600")
		if kind == "runaway" {
			leaveGroup(c)
		}
		if err := c.Start(); err != nil {
			os.Exit(1)
		}
	case "flood":
		go func() { // ends with the process
			for {
				fmt.Fprintln(os.Stderr, strings.Repeat("noise ", 200))
			}
		}()
	case "fails":
		fmt.Fprintln(os.Stderr, "fatal: no such database")
		os.Exit(3)
	}
	fmt.Println("up")
	io.Copy(io.Discard, os.Stdin)
}

// testConfig configures the test binary as a program of that kind.
func testConfig(t testing.TB, kind, mark string) Config {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Config{Command: exe, Env: map[string]string{mode: kind, runMark: mark}}
}

// leaks reports goroutines and processes that outlived all tests.
func leaks() int {
	var stacks, procs []string
	for deadline := time.Now().Add(8 * time.Second); time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
		stacks, procs = goroutines(), marked(runID)
		if len(stacks) == 0 && len(procs) == 0 {
			return 0
		}
	}
	fmt.Printf("leaked %d goroutines:\n%s\nleaked processes: %v\n", len(stacks), strings.Join(stacks, "\n\n"), procs)
	return 1
}

// goroutines returns the stacks of all goroutines but this one and those of
// the standard library.
func goroutines() []string {
	buf := make([]byte, 1<<20)
	var out []string
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if !strings.Contains(g, "child.goroutines(") && !strings.Contains(g, "os/signal.") {
			out = append(out, g)
		}
	}
	return out
}

// marked returns the processes, as pid and command line, that carry the mark
// of a run in their environment. Only Linux shows it.
func marked(id string) []string {
	var out []string
	files, _ := filepath.Glob("/proc/[0-9]*/environ") // the pattern is well-formed
	for _, file := range files {
		env, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(env, []byte(runMark+"="+id)) {
			continue
		}
		cmd, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		out = append(out, filepath.Base(filepath.Dir(file))+" "+strings.ReplaceAll(string(cmd), "\x00", " "))
	}
	return out
}

func onLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("looks for processes in /proc")
	}
}

// eventually polls until ok, and fails after a while.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}
