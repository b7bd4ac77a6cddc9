package vault_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"mcpproxy/auth/vault"
)

// open returns a vault with a file store, as each process that shares dir
// has one.
func open(dir string) *vault.Vault {
	return vault.Open(vault.Options{StateDir: dir, Store: vault.StoreFile})
}

func TestVaultKeepsAndForgets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v, key := open(dir), vault.Key("acme", "")
	if _, err := v.Get(t.Context(), key); !errors.Is(err, vault.ErrNoCredential) {
		t.Fatalf("an empty vault answers %v", err)
	}
	put, err := v.Put(t.Context(), key, vault.Record{AccessToken: "a", RefreshToken: "r", ServerURL: "https://up.example"})
	if err != nil {
		t.Fatal(err)
	}
	if put.Generation == 0 || put.LockFile == "" {
		t.Errorf("put without generation %d or lock file %q", put.Generation, put.LockFile)
	}
	other := open(dir)
	for _, v := range []*vault.Vault{v, other} {
		if got, err := v.Get(t.Context(), key); err != nil || !reflect.DeepEqual(got, put) {
			t.Errorf("got %v, %v", got, err)
		}
	}
	ix, err := v.Index()
	if e := ix.Credentials[key]; err != nil || e.Server != "acme" || !e.HasRefreshToken || e.Generation != put.Generation {
		t.Errorf("index has %+v, %v", e, err)
	}
	if err := other.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if err := other.Delete(t.Context(), key); err != nil {
		t.Errorf("deleting nothing: %v", err)
	}
	if _, err := v.Get(t.Context(), key); !errors.Is(err, vault.ErrNoCredential) {
		t.Errorf("a credential that another process deleted: %v", err)
	}
	if ix, _ := v.Index(); len(ix.Credentials) != 0 {
		t.Errorf("index still lists %v", ix.Credentials)
	}
}

// Several vaults, one per process, store different credentials at once, and
// none is lost.
func TestConcurrentPuts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const vaults, rounds = 6, 5
	var wg sync.WaitGroup
	for i := range vaults {
		wg.Go(func() {
			v := open(dir)
			for n := range rounds {
				key := vault.Key(fmt.Sprint("server", i), "")
				if _, err := v.Put(t.Context(), key, vault.Record{AccessToken: fmt.Sprint(n)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	v := open(dir)
	ix, err := v.Index()
	if err != nil || len(ix.Credentials) != vaults {
		t.Errorf("index lists %d of %d, %v", len(ix.Credentials), vaults, err)
	}
	for i := range vaults {
		key := vault.Key(fmt.Sprint("server", i), "")
		if r, err := v.Get(t.Context(), key); err != nil || r.AccessToken != fmt.Sprint(rounds-1) {
			t.Errorf("%s: %q, %v", key, r.AccessToken, err)
		}
	}
}

func TestRefreshFailed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v, key := open(dir), vault.Key("acme", "/home/me/project")
	old, err := v.Put(t.Context(), key, vault.Record{AccessToken: "a"})
	if err != nil {
		t.Fatal(err)
	}
	entry := func() vault.IndexEntry {
		ix, err := v.Index()
		if err != nil {
			t.Fatal(err)
		}
		return ix.Credentials[key]
	}
	if err := v.RefreshFailed(t.Context(), key, old.Generation, vault.RefreshFailure{RefreshError: "invalid_grant", RefreshWords: "gone"}, true); err != nil {
		t.Fatal(err)
	}
	if e := entry(); !e.NeedsLogin || e.RefreshError != "invalid_grant" || e.RefreshWords != "gone" || e.RefreshFailedAt.IsZero() {
		t.Errorf("noted %+v", e)
	}
	if _, err := v.Put(t.Context(), key, vault.Record{AccessToken: "b"}); err != nil {
		t.Fatal(err)
	}
	if err := v.RefreshFailed(t.Context(), key, old.Generation, vault.RefreshFailure{RefreshError: "invalid_grant", RefreshWords: "gone"}, true); err != nil {
		t.Fatal(err)
	}
	if e := entry(); e.NeedsLogin || e.RefreshError != "" {
		t.Errorf("a failure of the old record spoils the new: %+v", e)
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := open(dir)
	b := open(dir)
	file := a.LockFile(vault.Key("acme", ""))
	unlock, err := a.Lock(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]*vault.Vault{"within": a, "between": b} {
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
		_, err := v.Lock(ctx, file)
		cancel()
		if e, ok := errors.AsType[*vault.Error](err); !ok || e.Reason != vault.Timeout || e.Op != "lock" {
			t.Errorf("%s: a second holder got %v", name, err)
		}
	}
	unlock()
	unlock() // a second call does nothing
	again, err := b.Lock(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	again()
}
