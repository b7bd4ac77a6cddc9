package config_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy/auth/privatefile"
	"mcpproxy/proxy/config"
)

// lockVar names the lock that the test binary holds as another process.
const lockVar = "PROXY_TEST_CONFIG_LOCK"

func TestMain(m *testing.M) {
	path := os.Getenv(lockVar)
	if path == "" {
		os.Exit(m.Run())
	}
	if _, err := privatefile.Lock(context.Background(), path); err != nil {
		os.Exit(1)
	}
	os.Stdout.WriteString("locked\n")
	_, _ = bufio.NewReader(os.Stdin).ReadByte() // until killed
}

// holdLock starts a process that holds a lock until the test ends.
func holdLock(t *testing.T, path string) {
	t.Helper()
	holder := exec.CommandContext(t.Context(), os.Args[0])
	holder.Env = append(os.Environ(), lockVar+"="+path)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.StdinPipe(); err != nil { // stays open until the process ends
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = holder.Wait() }) // the end of the test's context has killed it
	if line, err := bufio.NewReader(out).ReadString('\n'); strings.TrimSpace(line) != "locked" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
}

// A process that was stopped while it recorded trust holds up nobody for ever.
func TestTrustDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	c := newClone(t, `{"mcpServers": {"new": {"command": "x"}}}`)
	holdLock(t, filepath.Join(c.StateDir, "trust.json.lock"))

	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := config.Trust(t.Context(), c.Dir, c.StateDir)
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != privatefile.MaxWait {
			t.Errorf("gave up after %v, want %v: %v", took, privatefile.MaxWait, err)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		_, err = config.Trust(ctx, c.Dir, c.StateDir)
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != time.Second {
			t.Errorf("after its context ended, gave up after %v: %v", took, err)
		}
	})
	if got := listed(config.Load(c.LoadOptions)); got != "github new? own" {
		t.Errorf("trusted without the lock: %q", got)
	}
}
