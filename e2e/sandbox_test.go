package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A sandbox is a whole user account of its own: home, configuration, state,
// cache and temporary files. Whatever runs in it carries its HOME, which the
// proxy hands to its children too, so that processes left behind are found.
type sandbox struct {
	t   tb
	dir string
	env []string
}

// newSandbox makes a sandbox and checks, when the test is over, that nothing
// runs in it any more.
func newSandbox(t tb) *sandbox {
	t.Helper()
	s := &sandbox{t: t, dir: t.TempDir()}
	for _, d := range []string{"config", "state", "cache", "tmp"} {
		if err := os.Mkdir(s.path(d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.env = []string{
		"PATH=" + nodeBin + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + s.dir, "USERPROFILE=" + s.dir, "SYSTEMROOT=" + os.Getenv("SYSTEMROOT"),
		"TMPDIR=" + s.path("tmp"), "LANG=C.UTF-8",
		"XDG_CONFIG_HOME=" + s.path("config"), "XDG_STATE_HOME=" + s.path("state"), "XDG_CACHE_HOME=" + s.path("cache"),
		"PROXY_STATE_DIR=" + s.path("state/proxy"), "PROXY_CACHE_DIR=" + s.path("cache/proxy"),
		"PROXY_CONFIG=" + s.path("mcp.json"), "PROXY_TOKEN_STORE=file",
	}
	s.config(`{"mcpServers":{}}`)
	t.Cleanup(func() { s.nothingRuns(5 * time.Second) })
	return s
}

func (s *sandbox) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

// setenv adds to the environment of what is started from now on.
func (s *sandbox) setenv(pairs ...string) { s.env = append(s.env, pairs...) }

// config writes the global configuration file, as text.
func (s *sandbox) config(text string) { s.write("mcp.json", text) }

func (s *sandbox) write(name, text string) string {
	s.t.Helper()
	path := s.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// servers are entries of mcpServers by name.
type servers map[string]entry

type entry map[string]any

// configure writes the servers, and members of the top level beside them.
func (s *sandbox) configure(list servers, settings ...entry) {
	s.t.Helper()
	file := entry{"mcpServers": list}
	for _, e := range settings {
		for k, v := range e {
			file[k] = v
		}
	}
	text, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		s.t.Fatal(err)
	}
	s.config(string(text))
}

// stdio is an entry that runs a command.
func stdio(command string, args ...string) entry {
	return entry{"command": command, "args": append([]string{}, args...)}
}

// fake is an entry that runs this test binary as an upstream.
func fake(t tb, args ...string) entry {
	return stdio(self(t), append([]string{"as-upstream"}, args...)...)
}

func (s *sandbox) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Dir = s.env, s.dir
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// An outcome is what a command left behind.
type outcome struct {
	stdout, stderr string
	code           int
}

func (o outcome) all() string { return o.stdout + o.stderr }

// run runs a program to its end, with stdin as its input.
func (s *sandbox) run(stdin, name string, args ...string) outcome {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := s.command(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	_, exited := errors.AsType[*exec.ExitError](err)
	if err != nil && !exited || ctx.Err() != nil {
		s.t.Fatalf("%s %q: %v\nstdout: %s\nstderr: %s", filepath.Base(name), args, err, &stdout, &stderr)
	}
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// proxy runs the binary's command line.
func (s *sandbox) proxy(args ...string) outcome {
	s.t.Helper()
	return s.run("", binary(s.t), args...)
}

// serve starts "proxy serve" as a host does.
func (s *sandbox) serve(args ...string) *peer {
	s.t.Helper()
	return s.connect(binary(s.t), append([]string{"serve"}, args...)...)
}

// nothingRuns fails the test unless every process of the sandbox is gone
// within the time given.
func (s *sandbox) nothingRuns(within time.Duration) {
	s.t.Helper()
	var left []process
	if !poll(within, func() bool { left = processes(s.dir); return len(left) == 0 }) {
		s.t.Errorf("left running: %v", left)
		for _, p := range left {
			p.kill()
		}
	}
}

// poll waits until the condition holds, and says whether it did in time.
func poll(within time.Duration, condition func() bool) bool {
	deadline := time.After(within)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if condition() {
			return true
		}
		select {
		case <-tick.C:
		case <-deadline:
			return condition()
		}
	}
}

// eventually is poll for what must come true.
func eventually(t tb, what string, condition func() bool) {
	t.Helper()
	if !poll(time.Minute, condition) {
		t.Fatalf("still not so: %s", what)
	}
}

// ours are the variables that the proxy itself reads.
func (s *sandbox) ours() (pairs []string) {
	for _, pair := range s.env {
		if strings.HasPrefix(pair, "PROXY_") {
			pairs = append(pairs, pair)
		}
	}
	return pairs
}
