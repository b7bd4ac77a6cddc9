package child_test

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"mcpproxy/upstream/child"
)

func plain(line string) string { return line }

// start starts a program of that kind and waits until it runs. The test may
// stop it before it ends.
func start(t *testing.T, cfg child.Config, redact func(string) string) (p *child.Process, stop func()) {
	t.Helper()
	g := child.NewGuard()
	t.Cleanup(g.Close)
	p, err := child.Start(cfg, g, redact, nil)
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() { p.Stop(nil, nil) })
	t.Cleanup(stop)
	if line, err := bufio.NewReader(p.Stdout).ReadString('\n'); line != "up\n" && cfg.Env["CHILD_TEST_MODE"] != "fails" {
		t.Fatalf("it wrote %q, %v", line, err)
	}
	return p, stop
}

func TestStopLeavesNothing(t *testing.T) {
	t.Parallel()
	child.OnLinux(t)
	for kind, processes := range map[string]int{"meek": 1, "stubborn": 1, "grandchild": 2, "runaway": 2, "flood": 1, "shell": 2} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			mark := child.RunID + "-stop-" + kind
			cfg := child.TestConfig(t, kind, mark)
			if kind == "shell" { // like npx and uvx: a process that waits for the server
				cfg = child.TestConfig(t, "stubborn", mark)
				cfg.Command, cfg.Args = "/bin/sh", []string{"-c", `"$0"; exit $?`, cfg.Command}
			}
			_, stop := start(t, cfg, plain)
			// A process has no environment for a moment while it is executed.
			child.Eventually(t, "all processes are found", func() bool { return len(child.Marked(mark)) == processes })
			stop()
			if left := child.Marked(mark); len(left) > 0 {
				t.Errorf("left after Stop: %v", left)
			}
		})
	}
}

func TestClosedGuardKillsWhatIsLeft(t *testing.T) {
	t.Parallel()
	child.OnLinux(t)
	mark := child.RunID + "-guard"
	g := child.NewGuard()
	p, err := child.Start(child.TestConfig(t, "stubborn", mark), g, plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	bufio.NewReader(p.Stdout).ReadString('\n')
	g.Close()
	child.Eventually(t, "nothing is left", func() bool { return len(child.Marked(mark)) == 0 })
	p.Stop(nil, nil)
}

func TestOutcome(t *testing.T) {
	t.Parallel()
	redact := func(line string) string { return strings.ReplaceAll(line, "database", "***") }
	p, _ := start(t, child.TestConfig(t, "fails", child.RunID), redact)
	o := p.Outcome()
	if o != (child.Outcome{ExitStatus: "exit status 3", Stderr: "fatal: no such ***"}) {
		t.Errorf("got %+v", o)
	}
	if p.Succeeded() {
		t.Error("it succeeded")
	}
}

func TestOutcomeOfTheLivingHasNoExitStatus(t *testing.T) {
	t.Parallel()
	p, _ := start(t, child.TestConfig(t, "meek", child.RunID), plain)
	if o := p.Outcome(); o.ExitStatus != "" || p.Succeeded() {
		t.Errorf("got %+v, succeeded %v", o, p.Succeeded())
	}
	p.Stdin.Close()
	child.Eventually(t, "it ends by itself", p.Succeeded)
}

func TestStartSaysWhyNot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("words"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := child.NewGuard()
	t.Cleanup(g.Close)
	try := func(cfg child.Config) error {
		_, err := child.Start(cfg, g, plain, nil)
		return err
	}
	if e, ok := errors.AsType[*child.WorkDirError](try(child.Config{Command: "x", Cwd: text})); !ok || e.Dir != text {
		t.Errorf("a file as folder: %v", e)
	}
	e, ok := errors.AsType[*child.NotFoundError](try(child.Config{Command: "no-such-command-x", Env: map[string]string{"PATH": dir}}))
	if !ok || e.Command != "no-such-command-x" || !slices.Contains(e.Dirs, dir) {
		t.Errorf("a missing command: %+v", e)
	}
	if e, ok := errors.AsType[*child.NotFoundError](try(child.Config{Command: filepath.Join(dir, "x")})); !ok || !slices.Equal(e.Dirs, []string{dir}) {
		t.Errorf("a missing path: %+v", e)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for _, path := range []string{text, dir} {
		if e, ok := errors.AsType[*fs.PathError](try(child.Config{Command: path})); !ok || e.Path != path {
			t.Errorf("%s: %v", path, e)
		}
	}
}

// The working folder is where a relative path is looked for, and where the
// program runs.
func TestCommandIsRelativeToItsFolder(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("needs a shell")
	}
	if err := os.WriteFile(filepath.Join(dir, "where"), []byte("#!"+sh+"\npwd\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	g := child.NewGuard()
	t.Cleanup(g.Close)
	p, err := child.Start(child.Config{Command: "./where", Cwd: dir}, g, plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop(nil, nil)
	if line, err := bufio.NewReader(p.Stdout).ReadString('\n'); line != dir+"\n" {
		t.Errorf("it runs in %q, %v; want %s", line, err, dir)
	}
}
