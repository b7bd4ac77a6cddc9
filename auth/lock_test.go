package auth

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"mcpproxy/auth/authtest"
	"mcpproxy/auth/privatefile"
	"mcpproxy/auth/vault"
)

// A stopped process that holds the lock blocks neither a logout nor a paste
// for ever; the error names the lock file.
func TestHeldLockIsGivenUp(t *testing.T) {
	t.Parallel()
	s := Server{Name: "up", Key: vault.Key("up", ""), URL: "https://up.example/mcp"}
	for name, c := range map[string]struct {
		file func(*vault.Vault) string
		try  func(context.Context, *Authority) error
	}{
		"logout": {
			func(v *vault.Vault) string { return v.LockFile(s.Key) },
			func(ctx context.Context, a *Authority) error { _, err := a.Logout(ctx, s); return err },
		},
		"paste": {
			func(v *vault.Vault) string { return v.LockFile(s.Key) },
			func(ctx context.Context, a *Authority) error { return a.Complete(ctx, s, "?code=c&state=s") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := newVault(t)
				file := c.file(v)
				unlock, err := privatefile.Lock(t.Context(), file)
				if err != nil {
					t.Fatal(err)
				}
				defer unlock()
				a := New(Options{Vault: v})
				defer a.Close()
				err = c.try(t.Context(), a)
				e, ok := errors.AsType[*vault.Error](err)
				if !ok || e.Op != "lock" || e.Reason != vault.Timeout || e.File != file {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// A lock file out of reach, in a home folder that has moved, is replaced by
// a login and does not block a logout.
func TestLockFileOutOfReach(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
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
	if err := a.Refresh(t.Context(), s); vault.ReasonOf(err) != vault.Unavailable {
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
