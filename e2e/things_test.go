package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"
)

// everything is the reference server of the Model Context Protocol project.
func everything(t tb) entry {
	t.Helper()
	return stdio(need(t, "mcp-server-everything"), "stdio")
}

// filesystem is the reference file server, confined to one directory.
func filesystem(t tb, dir string) entry {
	t.Helper()
	// The server compares real paths.
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	return stdio(need(t, "mcp-server-filesystem"), dir)
}

// everythingOn runs server-everything as a service and returns its address:
// "streamableHttp" answers at /mcp, "sse" at /sse.
func (s *sandbox) everythingOn(transport string) string {
	s.t.Helper()
	program := need(s.t, "mcp-server-everything")
	path := map[string]string{"streamableHttp": "/mcp", "sse": "/sse"}[transport]
	for range 5 {
		port := freePort(s.t)
		d := s.daemon([]string{"PORT=" + port}, program, transport)
		url := "http://127.0.0.1:" + port
		// Another program may have taken the port meanwhile: then it exits.
		if d.ready(func() bool { return answers(url + path) }) {
			return url + path
		}
	}
	s.t.Fatalf("server-everything found no port")
	return ""
}

// A daemon is a service that runs as long as its test.
type daemon struct {
	stdin  io.WriteCloser
	stderr *journal
	stdout *journal
	gone   chan struct{}
	code   int // exit status, once gone is closed
	kill   func()
}

// daemon starts a program in the background and ends it with the test, by
// closing its stdin first.
func (s *sandbox) daemon(env []string, name string, args ...string) *daemon {
	s.t.Helper()
	return s.daemonWith("", env, name, args...)
}

// daemonWith is daemon for a program that reads input to its end at its start.
func (s *sandbox) daemonWith(input string, env []string, name string, args ...string) *daemon {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	cmd := s.command(ctx, name, args...)
	cmd.Env = append(cmd.Env, env...)
	d := &daemon{stderr: &journal{}, stdout: &journal{}, gone: make(chan struct{})}
	cmd.Stderr, cmd.Stdout = d.stderr, d.stdout
	leash, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	d.stdin = leash
	if input != "" {
		io.WriteString(leash, input)
		leash.Close()
	}
	go func() {
		defer close(d.gone)
		cmd.Wait()
		d.code = cmd.ProcessState.ExitCode()
	}()
	d.kill = func() {
		cancel()
		<-d.gone
	}
	s.t.Cleanup(func() {
		leash.Close()
		d.kill()
	})
	return d
}

// ready waits for the condition, and gives up when the program has exited.
func (d *daemon) ready(condition func() bool) bool {
	ok := false
	poll(30*time.Second, func() bool {
		select {
		case <-d.gone:
			return true
		default:
			ok = condition()
			return ok
		}
	})
	return ok
}

// fakeOn runs the fake upstream over Streamable HTTP and returns its URL.
func (s *sandbox) fakeOn(args ...string) string {
	s.t.Helper()
	d := s.daemon(nil, self(s.t), append([]string{"as-upstream", "-http"}, args...)...)
	if !d.ready(func() bool { return strings.Contains(d.stdout.String(), "\n") }) {
		s.t.Fatalf("the fake upstream did not start: %s", d.stderr)
	}
	return strings.TrimSpace(d.stdout.String())
}

func freePort(t tb) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

// answers says whether something speaks HTTP there.
func answers(url string) bool {
	client := http.Client{Timeout: 2 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	io.CopyN(io.Discard, resp.Body, 1)
	return true
}
