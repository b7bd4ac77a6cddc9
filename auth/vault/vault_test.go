package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// fileVault is a vault with a file store in its own folder.
func fileVault(t *testing.T) *Vault {
	t.Helper()
	return Open(Options{StateDir: t.TempDir(), Store: StoreFile, Log: testLog(t)})
}

func testLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// someRecord has every field set.
func someRecord() Record {
	return Record{
		AccessToken: "hush-access", RefreshToken: "hush-refresh", TokenType: "Bearer",
		Expiry: time.Now().Add(time.Hour).UTC().Round(0), IssuedAt: time.Now().UTC().Round(0), Scopes: []string{"read", "write"},
		ServerURL: "https://me:hush@up.example/mcp?key=hush#hush", Issuer: "https://as.example",
		TokenEndpoint: "https://as.example/token", RevocationEndpoint: "https://as.example/revoke",
		Resource: "https://up.example/mcp?key=hush",
		Client: Client{
			ID: "client-id", Secret: "hush-client", AuthMethod: "client_secret_basic",
			Registered: true, MetadataURL: "https://c.example/m.json", RedirectURIs: []string{"http://127.0.0.1/callback"},
		},
		Generation: 1, LockFile: "/some.lock",
	}
}

func TestRecordSurvivesEncoding(t *testing.T) {
	t.Parallel()
	want := someRecord()
	for i, v := 0, reflect.ValueOf(want); i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Fatalf("the test leaves %s empty", v.Type().Field(i).Name)
		}
	}
	b, err := want.encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeRecord(b)
	if err != nil || !want.Expiry.Equal(got.Expiry) {
		t.Fatalf("decoded expiry %v, %v", got.Expiry, err)
	}
	got.Expiry = want.Expiry
	if !reflect.DeepEqual(got, want) {
		t.Errorf("a record changed on its way through the store")
	}
}

// TestNothingPrintsASecret tries every way in which a value becomes text by
// chance.
func TestNothingPrintsASecret(t *testing.T) {
	t.Parallel()
	p := Pending{State: "hush-state", Verifier: "hush-verifier", DeviceCode: "hush-device",
		AuthorizeURL: "https://as.example/authorize?state=hush-state", UserCode: "hush-user", ServerURL: "https://up.example/?key=hush", Client: someRecord().Client}
	for _, value := range []any{someRecord(), someRecord().Client, p, &p, []Record{someRecord()}, struct{ R Record }{someRecord()},
		newIndexEntry("mcp:acme", someRecord()), newPendingEntry("mcp:acme", p)} {
		var out strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "value", value)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "value", value)
		if err := json.NewEncoder(&out).Encode(value); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "hush") {
			t.Errorf("%T prints a secret:\n%s", value, out.String())
		}
		if out.Len() == 0 {
			t.Errorf("%T prints nothing", value)
		}
	}
}

// TestVaultRemembers counts how often the store is read: once per change by
// any process.
func TestVaultRemembers(t *testing.T) {
	t.Parallel()
	v, key := fileVault(t), Key("acme", "")
	counting := &countingStore{store: v.store}
	v.store = counting
	other := Open(Options{StateDir: filepath.Dir(filepath.Dir(v.dir)), Store: StoreFile})
	look := func(want string, reads int) {
		t.Helper()
		counting.reads = 0
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if r, err := v.Get(t.Context(), key); r.AccessToken != want {
					t.Errorf("got %q, want %q (%v)", r.AccessToken, want, err)
				}
			})
		}
		wg.Wait()
		if counting.reads != reads {
			t.Errorf("store read %d times, want %d", counting.reads, reads)
		}
	}
	put := func(v *Vault, token string) {
		t.Helper()
		if _, err := v.Put(t.Context(), key, Record{AccessToken: token}); err != nil {
			t.Fatal(err)
		}
	}
	look("", 1) // absence is cached too
	look("", 0)
	put(other, "one")
	look("one", 1)
	look("one", 0)
	put(v, "two")
	look("two", 0)
	if err := other.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	look("", 1)
	put(other, "three")
	look("three", 1)
	if r, err := v.Reload(t.Context(), key); err != nil || r.AccessToken != "three" {
		t.Fatal(r, err)
	}
}

type countingStore struct {
	store
	reads int // one Get at a time reads the store
}

func (s *countingStore) get(ctx context.Context, key string) ([]byte, error) {
	s.reads++
	return s.store.get(ctx, key)
}

// TestIndexHeals loses the index: it is rebuilt from the store, and no
// generation repeats.
func TestIndexHeals(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(path string) error{
		"lost":    os.Remove,
		"damaged": func(path string) error { return os.WriteFile(path, []byte(`{"last":`), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, key := fileVault(t), Key("acme", "")
			put, err := v.Put(t.Context(), key, Record{AccessToken: "a"})
			if err != nil {
				t.Fatal(err)
			}
			if err := harm(v.index.path); err != nil {
				t.Fatal(err)
			}
			if got, err := v.Get(t.Context(), key); err != nil || got.AccessToken != "a" {
				t.Fatalf("got %v, %v", got, err)
			}
			if ix, err := v.Index(); err != nil || ix.Credentials[key].Generation != put.Generation {
				t.Errorf("healed index has %+v, %v", ix, err)
			}
			again, err := v.Put(t.Context(), key, Record{AccessToken: "b"})
			if err != nil || again.Generation <= put.Generation {
				t.Errorf("generation %d after %d, %v", again.Generation, put.Generation, err)
			}
		})
	}
}

// A process with a cached credential notices a new login after the index was
// lost.
func TestGenerationsNeverRepeat(t *testing.T) {
	t.Parallel()
	v, key := fileVault(t), Key("acme", "")
	other := Open(Options{StateDir: filepath.Dir(filepath.Dir(v.dir)), Store: StoreFile})
	if _, err := v.Put(t.Context(), key, Record{AccessToken: "before"}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(v.index.path); err != nil {
		t.Fatal(err)
	}
	<-time.After(2 * time.Millisecond) // generations follow the clock
	if _, err := other.Put(t.Context(), key, Record{AccessToken: "after"}); err != nil {
		t.Fatal(err)
	}
	if r, err := v.Get(t.Context(), key); err != nil || r.AccessToken != "after" {
		t.Errorf("got %q, %v", r.AccessToken, err)
	}
}

func TestTooBig(t *testing.T) {
	t.Parallel()
	v, key := fileVault(t), Key("acme", "")
	_, err := v.Put(t.Context(), key, Record{AccessToken: strings.Repeat("x", maxValue)})
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Reason != TooBig || e.Op != "put" || e.Store != StoreFile {
		t.Errorf("got %v", err)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	if got := Key("github", ""); got != "mcp:github" {
		t.Errorf("global key %q", got)
	}
	project := Key("git hub", "/p")
	if project != "mcp:git hub@"+hash("/p") || project != Key("git hub", "/p/") {
		t.Errorf("project key %q", project)
	}
	// A global server may have a name like the key of a project.
	if Key("git hub@"+hash("/p"), "") == project {
		t.Error("a global server has the key of a project's")
	}
	for _, name := range []string{"a", "a@b", "100%", "%40", "ä ö"} {
		for _, p := range []string{"", "/p"} {
			server, h := splitKey(Key(name, p))
			if server != name || (h != "") != (p != "") {
				t.Errorf("%q split into %q and %q", name, server, h)
			}
		}
	}
}
