package upstream

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// endingServer closes its stdin at the first call and lives on, or answers it
// and ends, while another process holds its stdout.
func endingServer(mode string) {
	r := bufio.NewScanner(os.Stdin)
	for r.Scan() {
		var q struct {
			ID     json.RawMessage
			Method string
		}
		json.Unmarshal(r.Bytes(), &q)
		switch {
		case q.Method == "initialize":
			fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"deaf","version":"0"}}}`+"\n", q.ID)
		case q.Method == "tools/call":
			if mode == "deaf" {
				os.Stdin.Close()
				<-time.After(time.Hour)
			}
			heir := exec.Command("sleep", "3600")
			heir.Stdout = os.Stdout
			heir.Start()
			fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`+"\n", q.ID)
			os.Exit(0)
		case q.ID != nil:
			fmt.Printf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}`+"\n", q.ID)
		}
	}
}

func TestDeathIsNoticedWhileAGrandchildHoldsStdout(t *testing.T) {
	t.Parallel()
	onLinux(t)
	cfg := testChild(t, "heir")
	cfg.Env[runMark] = runID + "-heir"
	cfg.CallTimeout = Duration(5 * time.Minute)
	u := newTest(t, cfg)
	list(t, u)
	began := time.Now()
	_, err := call(t, u, Call{Tool: "die"})
	took := time.Since(began)
	t.Logf("the call ended after %v", took.Round(time.Millisecond))
	e, ok := errors.AsType[*InterruptedError](err)
	if !ok || e.ExitStatus != "exit status 7" || !strings.Contains(e.Stderr, "out of cheese") {
		t.Errorf("error %v, want an interruption with the exit status and stderr", err)
	}
	if took > time.Minute {
		t.Errorf("the call ended after %v", took)
	}
	eventually(t, "the grandchild is gone", func() bool { return len(marked(cfg.Env[runMark])) == 0 })
}

func TestAnswersBeforeTheDeathArrive(t *testing.T) {
	t.Parallel()
	onLinux(t)
	u := newTest(t, testChild(t, "farewell"))
	if _, err := call(t, u, Call{Tool: "x"}); err != nil {
		t.Errorf("the call was answered before the child died, got %v", err)
	}
	eventually(t, "the death is noticed", func() bool { return u.State().Status == Idle })
}

// A ping that gets no answer must not keep an idle connection open.
func TestStoppedChildIsClosedWhenIdle(t *testing.T) {
	t.Parallel()
	onLinux(t)
	cfg := testChild(t, "sdk")
	cfg.Env[runMark] = runID + "-stopped"
	cfg.CallTimeout, cfg.IdleTTL = Duration(100*time.Millisecond), Duration(500*time.Millisecond)
	u := newTest(t, cfg)
	list(t, u)
	pid, _ := strconv.Atoi(strings.Fields(marked(cfg.Env[runMark])[0])[0])
	stopProcess(pid)
	eventually(t, "all its threads have stopped", func() bool {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		return len(threads) > 0 && !slices.ContainsFunc(threads, func(thread string) bool {
			stat, err := os.ReadFile(thread)
			return err != nil || !strings.Contains(string(stat), ") T ")
		})
	})
	if _, err := call(t, u, Call{Tool: "echo"}); !isA[*TimeoutError](err) {
		t.Fatalf("error %v, want a timeout", err)
	}
	began := time.Now()
	eventually(t, "it is gone", func() bool { return len(marked(cfg.Env[runMark])) == 0 })
	if took := time.Since(began); took >= pingWait {
		t.Errorf("gone after %v, when the ping was given up", took)
	}
}

func TestPingThatCannotBeWrittenIsNoAnswer(t *testing.T) {
	t.Parallel()
	cfg := testChild(t, "deaf")
	cfg.CallTimeout = Duration(200 * time.Millisecond)
	u := newTest(t, cfg)
	if _, err := call(t, u, Call{Tool: "x"}); !isA[*TimeoutError](err) {
		t.Fatalf("error %v, want a timeout", err)
	}
	eventually(t, "the connection is retired", func() bool { return u.State().Status != Connected })
}
