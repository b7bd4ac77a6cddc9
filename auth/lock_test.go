package auth

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

	"mcpproxy/auth/authtest"
	"mcpproxy/auth/privatefile"
)

// holdVar names the lock file that TestLockHolder takes.
const holdVar = "PROXY_TEST_HOLD"

// TestLockEndsWithProcess: another process has the lock until it is killed,
// however rudely.
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
	if _, err := v.Lock(ctx, file); reasonOf(err) != Timeout {
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

// A process that was stopped while it held a lock keeps nobody waiting for
// ever: who logs in or out, or changes the vault, is told which file it is.
func TestHeldLockIsGivenUp(t *testing.T) {
	t.Parallel()
	s := Server{Name: "up", Key: CredentialKey("up", ""), URL: "https://up.example/mcp"}
	for name, c := range map[string]struct {
		file func(*Vault) string
		try  func(context.Context, *Authority) error
	}{
		"logout": {
			func(v *Vault) string { return v.LockFile(s.Key) },
			func(ctx context.Context, a *Authority) error { _, err := a.Logout(ctx, s); return err },
		},
		"paste": {
			func(v *Vault) string { return v.LockFile(s.Key) },
			func(ctx context.Context, a *Authority) error { return a.Complete(ctx, s, "?code=c&state=s") },
		},
		"change": {
			func(v *Vault) string { return filepath.Join(v.dir, "write.lock") },
			func(ctx context.Context, a *Authority) error { _, err := a.vault.Put(ctx, s.Key, Record{}); return err },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := fileVault(t)
				file := c.file(v)
				unlock, err := privatefile.Lock(t.Context(), file)
				if err != nil {
					t.Fatal(err)
				}
				defer unlock()
				a := New(Options{Vault: v})
				defer a.Close()
				err = c.try(t.Context(), a)
				var e *VaultError
				if !errors.As(err, &e) || e.Op != "lock" || e.Reason != Timeout || e.File != file {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// A credential whose lock file lies where this user cannot write, in a home
// that has moved, is mended by a login, and can be logged out of.
func TestLockFileOutOfReach(t *testing.T) {
	t.Parallel()
	w := newWorld(t, authtest.Options{Protected: open})
	a, s := w.process(t), w.upstream()
	w.login(t, a, s)
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	move := func() {
		r, err := a.vault.Reload(t.Context(), s.Key)
		if err != nil {
			t.Fatal(err)
		}
		r.LockFile = filepath.Join(blocked, "former.lock")
		if _, err := a.vault.Put(t.Context(), s.Key, r); err != nil {
			t.Fatal(err)
		}
	}
	move()
	if err := a.Refresh(t.Context(), s); reasonOf(err) != Unavailable {
		t.Errorf("refresh: %v", err)
	}
	w.login(t, a, s)
	if err := a.Refresh(t.Context(), s); err != nil {
		t.Errorf("refresh after the login: %v", err)
	}
	move()
	if revoked, err := a.Logout(t.Context(), s); !revoked || err != nil {
		t.Errorf("logout: %t, %v", revoked, err)
	}
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
	_, _ = bufio.NewReader(os.Stdin).ReadByte() // until killed, or left alone
}
