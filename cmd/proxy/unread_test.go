package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A host that sends without end and reads nothing gets bounded memory, and ends
// the program as any other does.
func TestHostThatDoesNotRead(t *testing.T) {
	if raceDetector() {
		t.Skip("measures memory")
	}
	t.Parallel()
	const (
		maxPeak = 256         // MiB: the answers that are held, and what the collector has not seen yet
		maxEnd  = time.Second // printed; on a busy machine the program does not get that much of it
		hung    = 20 * time.Second
	)
	call := func(arguments string) string {
		return `{"jsonrpc":"2.0","id":"%d","method":"tools/call","params":{"name":"mcp","_meta":{"progressToken":%[1]d},"arguments":` + arguments + `}}`
	}
	for _, c := range []struct {
		name  string
		lines int
		line  string
		term  bool // ends with SIGTERM, not with the input
	}{
		{"lists", 60_000, `{"jsonrpc":"2.0","id":%d,"method":"tools/list"}`, false},
		{"calls", 50_000, call(`{"action":"help"}`), true},
		{"calls that wait", 20_000, call(`{"action":"call","server":"silent","tool":"any","arguments":{}}`), false},
		{"notifications", 50_000, `{"jsonrpc":"2.0","method":"notifications/roots/list_changed","params":{"n":%d}}`, true},
		{"pings with long ids", 30_000, `{"jsonrpc":"2.0","id":"%d` + strings.Repeat("x", 4000) + `","method":"ping"}`, true},
		{"no JSON", 20_000, `%d {`, false},
		{"no messages", 20_000, `{"id":%d}`, false},
		{"handshakes", 20_000, `{"jsonrpc":"2.0","id":%d,"method":"initialize","params":{}}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && (c.term || strings.Contains(c.line, "silent")) {
				t.Skip("needs signals and a shell")
			}
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "mcp.json"), []byte(`{"mcpServers":{"silent":{"command":"sh","args":["-c","cat >/dev/null"]}}}`), 0o600); err != nil {
				t.Fatal(err)
			}
			s := serveIn(t, dir)
			began := time.Now()
			in := bufio.NewWriterSize(s.in, 64<<10)
			for i := range c.lines {
				fmt.Fprintf(in, c.line+"\n", i)
			}
			if err := in.Flush(); err != nil {
				t.Fatal(err)
			}
			sent, peak := time.Since(began), peakMiB(t, s.cmd.Process.Pid)
			began = time.Now()
			if c.term {
				if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
				_ = s.cmd.Wait()
			} else {
				s.leave()
			}
			ended := time.Since(began)
			t.Logf("%d lines in %v; peak %.0f MiB (bound %d), ended after %v (bound %v)", c.lines, sent.Round(time.Millisecond), peak, maxPeak, ended.Round(time.Millisecond), maxEnd)
			if peak > maxPeak || ended > hung {
				t.Error("out of bounds")
			}
		})
	}
}

// A host that reads has each of its requests answered, however many it sends
// before it reads the first answer.
func TestManyRequestsAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mcp.json"), []byte(`{"mcpServers":{}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		requests int
		early    bool // the host reads while it writes
	}{
		"1,000, then read": {1000, false},
		"20,000 meanwhile": {20_000, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveIn(t, dir)
			var in bytes.Buffer
			for i := range c.requests {
				fmt.Fprintf(&in, `{"jsonrpc":"2.0","id":"n%d","method":"tools/list"}`+"\n", i)
			}
			wrote := make(chan error, 1)
			go func() {
				_, err := s.in.Write(in.Bytes())
				wrote <- err
			}()
			if !c.early {
				if err := <-wrote; err != nil {
					t.Fatal(err)
				}
			}
			for range c.requests {
				line, err := s.out.ReadSlice('\n')
				for err == bufio.ErrBufferFull {
					_, err = s.out.ReadSlice('\n')
				}
				if err != nil || !bytes.HasPrefix(line, []byte(`{"jsonrpc":"2.0","id":"n`)) || !bytes.Contains(line, []byte(`"result"`)) {
					t.Fatalf("%.200s, %v", line, err)
				}
			}
			s.leave()
		})
	}
}

// raceDetector reports whether the race detector runs, which multiplies memory.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
