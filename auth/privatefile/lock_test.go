package privatefile_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy/auth/privatefile"
)

// roleVar makes the test binary another process: "hold" or "write", and a
// path.
const roleVar = "PROXY_TEST_PRIVATEFILE"

func TestMain(m *testing.M) {
	role, path, _ := strings.Cut(os.Getenv(roleVar), ":")
	switch role {
	case "hold":
		if _, err := privatefile.Lock(context.Background(), path); err != nil {
			os.Exit(1)
		}
		os.Stdout.WriteString("ready\n")
		_, _ = bufio.NewReader(os.Stdin).ReadByte() // until killed
	case "write":
		writeForEver(path)
	default:
		os.Exit(m.Run())
	}
}

// start runs the test binary in a role and returns when it says "ready".
func start(t *testing.T, role, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), roleVar+"="+role+":"+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil { // stays open until the process ends
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); strings.TrimSpace(line) != "ready" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	return cmd
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the other process ended by itself")
	}
}

// Another process holds the lock until it is killed.
func TestLockEndsWithProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "folder", "some.lock")
	holder := start(t, "hold", path)
	if !privatefile.Held(path) {
		t.Error("a lock of another process does not count as held")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := privatefile.Lock(ctx, path); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), path) {
		t.Errorf("beside another process: %v", err)
	}
	kill(t, holder)
	if privatefile.Held(path) {
		t.Error("a lock of a process that was killed counts as held")
	}
	unlock, err := privatefile.Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestLockWithinProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "some.lock")
	if privatefile.Held(path) {
		t.Error("a lock that nobody ever took is held")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a question makes the lock file")
	}
	unlock, err := privatefile.Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error, 1)
	go func() {
		_, err := privatefile.Lock(ctx, path)
		gaveUp <- err
	}()
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that gave up: %v", err)
	}
	if !privatefile.Held(path) {
		t.Error("the one who gave up took the lock away")
	}
	unlock()
	unlock() // twice is once
	again, err := privatefile.Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	unlock() // of the former holder
	if !privatefile.Held(path) {
		t.Error("the former holder released the lock of the next")
	}
	again()
}

// A holder that never ends does not block others for ever, with or without a
// deadline.
func TestLockIsBounded(t *testing.T) {
	t.Parallel()
	for want, limit := range map[time.Duration]time.Duration{
		privatefile.MaxWait: 0,
		time.Second:         time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "some.lock")
			unlock, err := privatefile.Lock(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer unlock()
			ctx := t.Context()
			if limit > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, limit)
				defer cancel()
			}
			began := time.Now()
			_, err = privatefile.Lock(ctx, path)
			if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != want {
				t.Errorf("gave up after %v, want %v: %v", took, want, err)
			}
		})
	}
}

func TestLockOutOfReach(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := privatefile.Lock(t.Context(), filepath.Join(file, "some.lock"))
	if err == nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Only one holder at a time.
func TestLockExcludes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "some.lock")
	inside := 0 // guarded by the lock file; turn makes that visible to the race detector
	turn := make(chan struct{}, 1)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				unlock, err := privatefile.Lock(t.Context(), path)
				if err != nil {
					t.Error(err)
					return
				}
				select {
				case turn <- struct{}{}:
					inside++
					<-turn
				default:
					t.Error("two hold the lock at once")
				}
				unlock()
			}
		})
	}
	wg.Wait()
	if inside != 40 {
		t.Errorf("%d turns", inside)
	}
}
