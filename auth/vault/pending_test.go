package vault

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

func somePending() Pending {
	return Pending{
		Flow: CodeFlow, ServerURL: "https://up.example/mcp", Issuer: "https://as.example",
		AuthorizeURL: "https://as.example/authorize?state=s", TokenEndpoint: "https://as.example/token",
		RevocationEndpoint: "https://as.example/revoke",
		Resource:           "https://up.example/mcp", Scopes: []string{"read"}, Client: someRecord().Client,
		State: "s", Verifier: "v", RedirectURI: "http://127.0.0.1:1/callback", IssRequired: true,
		DeviceCode: "d", UserCode: "u", VerificationURI: "https://as.example/device",
		VerificationURIComplete: "https://as.example/device?code=u", Interval: 5 * time.Second,
		Started: time.Now().UTC().Round(0), Expires: time.Now().UTC().Add(time.Minute).Round(0),
	}
}

func TestPendingSurvivesTheProcess(t *testing.T) {
	t.Parallel()
	v, key := fileVault(t), Key("acme", "/p")
	if _, err := v.Pending(t.Context(), key); !errors.Is(err, ErrNoCredential) {
		t.Fatalf("no login is pending: %v", err)
	}
	saved, release, err := v.SavePending(t.Context(), key, somePending())
	if err != nil {
		t.Fatal(err)
	}
	later := Open(Options{StateDir: filepath.Dir(filepath.Dir(v.dir)), Store: StoreFile})
	got, err := later.Pending(t.Context(), key)
	if err != nil || !reflect.DeepEqual(got, saved) || got.Expired() {
		t.Errorf("a later process gets another login, %v", err)
	}
	for i, f := 0, reflect.ValueOf(got); i < f.NumField(); i++ {
		if f.Field(i).IsZero() {
			t.Errorf("%s is lost, or the test leaves it empty", f.Type().Field(i).Name)
		}
	}
	orphaned := func() bool {
		ix, err := later.Index()
		e, ok := ix.Pending[key]
		if err != nil || !ok || e.Server != "acme" || e.Project != hash("/p") || e.ID != saved.ID || e.Flow != CodeFlow {
			t.Fatalf("index has %+v, %v", e, err)
		}
		return e.Orphaned
	}
	if orphaned() {
		t.Error("a login whose process waits counts as orphaned")
	}
	release()
	if !orphaned() {
		t.Error("a login whose process went away does not count as orphaned")
	}
	if err := later.RemovePending(t.Context(), key, saved.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Pending(t.Context(), key); !errors.Is(err, ErrNoCredential) {
		t.Errorf("a finished login is still pending: %v", err)
	}
	if v.PendingCurrent(key, saved.ID) {
		t.Error("a finished login is still current")
	}
	expectOwnerLocks(t, v, 0)
}

// A new login replaces the old one, whose end does not remove the new one.
func TestPendingSuperseded(t *testing.T) {
	t.Parallel()
	v, key := fileVault(t), Key("acme", "")
	first, release, err := v.SavePending(t.Context(), key, somePending())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if !v.PendingCurrent(key, first.ID) {
		t.Error("the only login is not current")
	}
	second, release, err := v.SavePending(t.Context(), key, somePending())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if v.PendingCurrent(key, first.ID) || !v.PendingCurrent(key, second.ID) {
		t.Error("the first login is still current")
	}
	if err := v.RemovePending(t.Context(), key, first.ID); err != nil {
		t.Fatal(err)
	}
	if p, err := v.Pending(t.Context(), key); err != nil || p.ID != second.ID {
		t.Errorf("after the end of the first login: %v", err)
	}
	expectOwnerLocks(t, v, 1)
}

// A login that nobody finishes is kept for a while and then removed.
func TestPendingExpires(t *testing.T) {
	t.Parallel()
	v := fileVault(t)
	for name, age := range map[string]time.Duration{"just": time.Minute, "long": keepExpired + time.Minute} {
		p := somePending()
		p.Expires = time.Now().Add(-age)
		_, release, err := v.SavePending(t.Context(), Key(name, ""), p)
		if err != nil {
			t.Fatal(err)
		}
		release()
	}
	_, release, err := v.SavePending(t.Context(), Key("new", ""), somePending())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if p, err := v.Pending(t.Context(), Key("just", "")); err != nil || !p.Expired() {
		t.Errorf("a login that just expired: %v", err)
	}
	if _, err := v.Pending(t.Context(), Key("long", "")); !errors.Is(err, ErrNoCredential) {
		t.Errorf("a login that expired long ago: %v", err)
	}
	ix, err := v.Index()
	if err != nil || len(ix.Pending) != 2 {
		t.Errorf("index lists %v, %v", ix.Pending, err)
	}
	expectOwnerLocks(t, v, 2)
}

func expectOwnerLocks(t *testing.T, v *Vault, want int) {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(v.dir, "pending"))
	if err != nil || len(files) != want {
		t.Errorf("%d owner lock files, want %d, %v", len(files), want, err)
	}
}
