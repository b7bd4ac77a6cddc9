package upstream

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mcpproxy/upstream/child"
)

// largeServer answers a call with a line of as many bytes as its tool is named.
func largeServer() {
	r := bufio.NewScanner(os.Stdin)
	for r.Scan() {
		var q struct {
			ID     json.RawMessage
			Method string
			Params struct{ Name string }
		}
		json.Unmarshal(r.Bytes(), &q)
		switch {
		case q.Method == "initialize":
			fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"large","version":"0"}}}`+"\n", q.ID)
		case q.Method == "tools/call":
			head, tail := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"`, q.ID), `"}]}}`+"\n"
			n, _ := strconv.Atoi(q.Params.Name)
			io.WriteString(os.Stdout, head)
			piece := bytes.Repeat([]byte("x"), 1<<20)
			for left := n - len(head) - len(tail); left > 0; left -= len(piece) {
				os.Stdout.Write(piece[:min(left, len(piece))])
			}
			io.WriteString(os.Stdout, tail)
		case q.ID != nil:
			fmt.Printf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}`+"\n", q.ID)
		}
	}
}

// readLarge calls a large server three times, and prints the sizes of the results
// and the most memory that this process has had.
func readLarge() {
	exe, _ := os.Executable()
	cfg := Config{Type: Stdio, Config: child.Config{Command: exe, Env: map[string]string{childMode: "large", runMark: os.Getenv(runMark)}}, Limits: DefaultLimits}
	u := New("large", cfg, Options{Client: testClient})
	for range 3 {
		err := u.With(context.Background(), func(ctx context.Context, s *Session) error {
			result, err := s.Call(ctx, Call{Tool: strconv.Itoa(maxMessage)})
			fmt.Print(len(result)>>20, " ")
			return err
		})
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	u.Close()
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Println(strings.Fields(rest)[0])
}

// A message of the largest size is not buffered twice (DESIGN, section 6).
func TestLargeMessageTakesLittleMemory(t *testing.T) {
	t.Parallel()
	onLinux(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childMode+"=reader", runMark+"="+runID)
	out, err := cmd.Output()
	var sizes [3]int
	var peak int // KiB
	if n, _ := fmt.Sscan(string(out), &sizes[0], &sizes[1], &sizes[2], &peak); n != 4 {
		t.Fatalf("it said %q, %v", out, err)
	}
	t.Logf("results of %d MiB, peak memory %d MiB", sizes, peak>>10)
	if limit := 200; peak>>10 > limit && !raceDetector() {
		t.Errorf("peak memory %d MiB, at most %d MiB is allowed", peak>>10, limit)
	}
}

// raceDetector reports whether the race detector runs, which multiplies memory.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func TestTooLargeMessageEndsTheConnection(t *testing.T) {
	t.Parallel()
	cfg := testChild(t, "large")
	cfg.CallTimeout = Duration(time.Minute)
	u := newTest(t, cfg)
	_, err := call(t, u, Call{Tool: strconv.Itoa(maxMessage + 1<<20)})
	if !isA[*InterruptedError](err) || !strings.Contains(err.Error(), "64 MiB") {
		t.Errorf("error %v", err)
	}
}
