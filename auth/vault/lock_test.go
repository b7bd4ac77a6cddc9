package vault

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
)

// holdVar names the lock file that TestLockHolder takes.
const holdVar = "PROXY_TEST_HOLD"

// Another process holds the lock until it is killed.
func TestLockEndsWithProcess(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "some.lock")
	holder := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLockHolder$")
	holder.Env = append(os.Environ(), holdVar+"="+file)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err = holder.StdinPipe(); err != nil { // stays open until the holder ends
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); strings.TrimSpace(line) != "held" {
		t.Fatalf("the holder says %q, %v", line, err)
	}
	v := fileVault(t)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
	defer cancel()
	if _, err := v.Lock(ctx, file); ReasonOf(err) != Timeout {
		t.Fatalf("beside another process: %v", err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	unlock, err := v.Lock(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	if err := holder.Wait(); err == nil {
		t.Error("the holder ended by itself")
	}
}

// A stopped process that holds the write lock does not block a change for
// ever; the error names the lock file.
func TestHeldWriteLockIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := fileVault(t)
		file := filepath.Join(v.dir, "write.lock")
		unlock, err := privatefile.Lock(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
		_, err = v.Put(t.Context(), "mcp:up", Record{})
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Op != "lock" || e.Reason != Timeout || e.File != file {
			t.Errorf("got %v", err)
		}
	})
}

// TestLockHolder is the other process of TestLockEndsWithProcess.
func TestLockHolder(t *testing.T) {
	t.Parallel()
	file := os.Getenv(holdVar)
	if file == "" {
		t.Skip("run by TestLockEndsWithProcess")
	}
	unlock, err := fileVault(t).Lock(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	os.Stdout.WriteString("held\n")
	_, _ = bufio.NewReader(os.Stdin).ReadByte() // until killed
}
