package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mcpproxy/upstream/child"
)

// notes returns the lines that children appended to the file.
func notes(t *testing.T, file string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Fields(string(b))
}

func TestManyCallersStartOneChild(t *testing.T) {
	t.Parallel()
	cfg := testChild(t, "slow")
	file := filepath.Join(t.TempDir(), "notes")
	cfg.Env[noteFile] = file
	u := newTest(t, cfg)
	impatient, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	errs := make(chan error, 500)
	for i := range 500 {
		ctx := t.Context()
		if i == 0 {
			ctx = impatient
		}
		wg.Go(func() {
			errs <- u.With(ctx, func(ctx context.Context, s *Session) error {
				_, err := s.Call(ctx, Call{Tool: "echo", Arguments: json.RawMessage(`{"text":"x"}`)})
				return err
			})
		})
	}
	eventually(t, "the start", func() bool { return u.State().Status == Connecting })
	cancel()
	wg.Wait()
	close(errs)
	failed := 0
	for err := range errs {
		if err != nil {
			failed++
			if !errors.Is(err, context.Canceled) {
				t.Errorf("a caller got %v", err)
			}
		}
	}
	if failed > 1 {
		t.Errorf("%d callers failed, want the one that gave up", failed)
	}
	if got := notes(t, file); len(got) != 1 {
		t.Errorf("%d children were started", len(got))
	}
}

func TestOldServersConnect(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"silent", "odd", "fragile"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			cfg := testChild(t, mode)
			file := filepath.Join(t.TempDir(), "notes")
			cfg.Env[noteFile] = file
			cfg.IdleTTL = Duration(10 * time.Millisecond)
			u := newTest(t, cfg)
			if tools := list(t, u); len(tools) != 1 {
				t.Errorf("%d tools", len(tools))
			}
			eventually(t, "idle", func() bool { return u.State().Status == Idle })
			first := len(notes(t, file))
			list(t, u)
			if again := notes(t, file)[first:]; again[0] != "initialize" {
				t.Errorf("what worked was not remembered: the second start began with %q", again)
			}
		})
	}
}

func TestChildSeesNoSecretOfOurs(t *testing.T) {
	t.Setenv("A_TOKEN_OF_THE_HOST", "secret-1")
	u := newTest(t, testChild(t, "env"))
	_, err := call(t, u, Call{Tool: "echo"})
	e, ok := errors.AsType[*StartError](err)
	if !ok {
		t.Fatalf("error %v", err)
	}
	if strings.Contains(e.Stderr, "secret-1") || e.Stderr == "" {
		t.Errorf("the child's environment: %q", e.Stderr)
	}
}

func TestCancellationReachesTheChild(t *testing.T) {
	t.Parallel()
	cfg := testChild(t, "sdk")
	file := filepath.Join(t.TempDir(), "notes")
	cfg.Env[noteFile] = file
	u := newTest(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := u.With(ctx, func(ctx context.Context, s *Session) error {
		go func() { // ends with the call below
			for len(notes(t, file)) == 0 && ctx.Err() == nil {
				<-time.After(time.Millisecond)
			}
			cancel()
		}()
		_, err := s.Call(ctx, Call{Tool: "hang"})
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	eventually(t, "the child is told", func() bool { return strings.Join(notes(t, file), " ") == "hanging cancelled" })
}

func TestToolListChangesAreHeard(t *testing.T) {
	t.Parallel()
	heard := make(chan struct{}, 1)
	u := New("test", testChild(t, "sdk"), Options{Client: testClient, ToolsChanged: func() {
		select {
		case heard <- struct{}{}:
		default:
		}
	}})
	t.Cleanup(u.Close)
	if _, err := call(t, u, Call{Tool: "grow"}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-heard:
	case <-time.After(time.Minute):
		t.Error("nothing was heard")
	}
}

func TestDeathBetweenCallsIsRecordedAndMended(t *testing.T) {
	t.Parallel()
	failed := make(chan State, 10)
	u := New("test", testChild(t, "sdk"), Options{Client: testClient, Failed: func(s State) { failed <- s }})
	t.Cleanup(u.Close)
	if _, err := call(t, u, Call{Tool: "die-soon"}); err != nil {
		t.Fatal(err)
	}
	s := <-failed
	if e, ok := errors.AsType[*InterruptedError](s.Last); !ok || s.Stage != StageIdle || s.Status != Idle || e.ExitStatus != "exit status 7" {
		t.Errorf("state %+v", s)
	}
	if got, err := call(t, u, Call{Tool: "echo", Arguments: json.RawMessage(`{"text":"again"}`)}); err != nil || !strings.Contains(got, "again") {
		t.Errorf("the next call: %s, %v", got, err)
	}
}

func TestMissingCommandSaysWhere(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	dir := filepath.Join(home, ".local/bin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cfg := testChild(t, "sdk")
	cfg.Command = "no-such-command-x"
	cfg.Env["HOME"], cfg.Env["USERPROFILE"] = home, home
	u := newTest(t, cfg)
	_, err := call(t, u, Call{Tool: "echo"})
	if e, ok := errors.AsType[*StartError](err); !ok || e.Stage != StageSpawn {
		t.Fatalf("error %v, want a StartError at spawn", err)
	}
	missing, ok := errors.AsType[*child.NotFoundError](err)
	if !ok {
		t.Fatalf("error %v, want a NotFoundError", err)
	}
	if missing.Command != "no-such-command-x" || !slices.Contains(missing.Dirs, dir) {
		t.Errorf("got %+v, want %s among the folders", missing, dir)
	}
}
