package catalog

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func entryOf(t testing.TB, id string, listed time.Time, descriptors ...string) Entry {
	t.Helper()
	e := Entry{ID: id, Instructions: "Serves " + id + ". And more.", ListedAt: listed}
	for _, d := range descriptors {
		tool, err := ParseTool(json.RawMessage(d))
		if err != nil {
			t.Fatal(err)
		}
		e.Tools = append(e.Tools, tool)
	}
	return e
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestCatalogInMemoryAndOnDisk(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]*Catalog{"memory": New(), "disk": Open(filepath.Join(t.TempDir(), "new", "catalog"), quiet)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, ok := c.Get("a"); ok || len(c.Infos()) != 0 {
				t.Fatal("an empty catalogue holds something")
			}
			a := entryOf(t, "a", noon, `{"name":"x"}`, `{"name":"y"}`)
			a.InitializeFirst, a.Partial = true, true
			c.Put(a)
			c.Put(entryOf(t, "b/../ü", noon, `{"name":"z"}`))
			if got, ok := c.Get("a"); !ok || !reflect.DeepEqual(got, a) {
				t.Errorf("got %+v, want %+v", got, a)
			}
			if i, ok := c.Infos()["a"]; !ok || i != (Info{Tools: 2, Summary: "Serves a.", ListedAt: noon, InitializeFirst: true, Partial: true}) {
				t.Errorf("info is %+v, %v", i, ok)
			}
			if ids := slices.Sorted(maps.Keys(c.Infos())); !reflect.DeepEqual(ids, []string{"a", "b/../ü"}) {
				t.Errorf("ids are %q", ids)
			}
			c.Put(entryOf(t, "a", noon.Add(1), `{"name":"x"}`))
			if i := c.Infos()["a"]; i.Tools != 1 {
				t.Errorf("after replacing, info is %+v", i)
			}
		})
	}
}

func TestDescriptorsKeepTheirBytes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	descriptor := "{ \"zeta\":12345678901234567890 ,\n\t\"name\" : \"a\\u0062\", \"inputSchema\":{\"b\":1,\n\"a\":2.50} , \"x\":\"<&>\\u2028\"}"
	Open(dir, quiet).Put(entryOf(t, "s", noon, descriptor, `{"name":"next"}`))
	e, ok := Open(dir, quiet).Get("s")
	if !ok || len(e.Tools) != 2 {
		t.Fatalf("got %+v, %v", e, ok)
	}
	if got := string(e.Tools[0].Raw); got != descriptor {
		t.Errorf("got  %q\nwant %q", got, descriptor)
	}
	if e.Tools[0].Name != "ab" || string(e.Tools[0].InputSchema) != "{\"b\":1,\n\"a\":2.50}" || e.Tools[1].Name != "next" {
		t.Errorf("tools are %+v", e.Tools)
	}
}

// Two catalogues on one folder stand for two processes.
func TestChangesOfAnotherProcessAreSeen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, two := Open(dir, quiet), Open(dir, quiet)
	one.Put(entryOf(t, "s", noon, `{"name":"old"}`))
	if e, _ := two.Get("s"); len(e.Tools) != 1 || e.Tools[0].Name != "old" {
		t.Fatalf("two sees %+v", e)
	}
	two.Put(entryOf(t, "s", noon, `{"name":"new"}`)) // the same size and time of listing
	two.Put(entryOf(t, "t", noon))
	if e, _ := one.Get("s"); len(e.Tools) != 1 || e.Tools[0].Name != "new" {
		t.Errorf("one sees %+v", e)
	}
	if _, ok := one.Infos()["t"]; !ok {
		t.Error("one does not see the entry that two made")
	}
	if err := os.Remove(one.disk.entryPath("s")); err != nil {
		t.Fatal(err)
	}
	if _, ok := two.Get("s"); ok {
		t.Error("two still sees the entry that one removed")
	}
}

func TestConcurrentPutsAllCount(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var all sync.WaitGroup
	for p := range 3 {
		c := Open(dir, quiet)
		for i := range 8 {
			all.Go(func() { c.Put(entryOf(t, fmt.Sprintf("%d-%d", p, i), noon, `{"name":"x"}`)) })
		}
	}
	all.Wait()
	if ids := Open(dir, quiet).Infos(); len(ids) != 24 {
		t.Errorf("of 24 entries %d are left", len(ids))
	}
}

func TestDamagedFilesAreSetAside(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(data []byte) []byte{
		"empty":     func([]byte) []byte { return nil },
		"cut":       func(data []byte) []byte { return data[:len(data)-3] },
		"a bit":     func(data []byte) []byte { data[len(data)/2] ^= 1; return data },
		"foreign":   func([]byte) []byte { return []byte(`{"tools":[]}`) },
		"bad sizes": func([]byte) []byte { return seal([]byte(`{"id":"s","sizes":[-1,99999999999]}` + "\n{}\n")) },
		"no header": func([]byte) []byte { return seal([]byte("hello")) },
		"nameless":  func([]byte) []byte { return seal([]byte(`{"id":"s","sizes":[2]}` + "\n{}\n")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			Open(dir, quiet).Put(entryOf(t, "s", noon, `{"name":"x"}`))
			path := filepath.Join(dir, "v1", entryName("s"))
			for range maxDamagedFiles + 2 {
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, damage(data), 0o600); err != nil {
					t.Fatal(err)
				}
				c := Open(dir, quiet)
				if e, ok := c.Get("s"); ok {
					t.Fatalf("read %+v from a damaged file", e)
				}
				if _, ok := c.Infos()["s"]; ok {
					t.Error("the index still has the damaged entry")
				}
				c.Put(entryOf(t, "s", noon, `{"name":"x"}`))
				if _, ok := c.Get("s"); !ok {
					t.Error("the entry was not rebuilt")
				}
			}
			if aside, _ := filepath.Glob(filepath.Join(dir, "v1", damagedPrefix+"*")); len(aside) != maxDamagedFiles {
				t.Errorf("%d damaged files are kept, want %d", len(aside), maxDamagedFiles)
			}
		})
	}
}

func TestIndexIsRebuilt(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(path string) error{
		"missing": os.Remove,
		"damaged": func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) },
		"no list": func(path string) error { return os.WriteFile(path, seal([]byte("{}")), 0o600) },
		"foreign": func(path string) error { return os.WriteFile(path, []byte(`[{"id":"a"}]`), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c := Open(dir, quiet)
			c.Put(entryOf(t, "a", noon, `{"name":"x"}`))
			c.Put(entryOf(t, "b", noon))
			if err := harm(filepath.Join(dir, "v1", "index")); err != nil {
				t.Fatal(err)
			}
			if i, ok := c.Infos()["a"]; !ok || i.Tools != 1 {
				t.Errorf("info is %+v, %v", i, ok)
			}
			if ids := Open(dir, quiet).Infos(); len(ids) != 2 {
				t.Errorf("ids are %v", ids)
			}
		})
	}
}

func TestBoundsOfTheSnapshot(t *testing.T) {
	t.Parallel()
	s := newSnapshot(t.TempDir(), quiet)
	index := make(map[string]infoRecord)
	for i := range maxEntries + 2 {
		id := fmt.Sprint(i)
		index[id] = infoRecord{ID: id, Bytes: 1, Info: Info{ListedAt: noon.Add(time.Duration(i))}}
	}
	s.evict(index, "0")
	_, kept := index["0"]
	_, oldest := index["1"]
	if !kept || oldest || len(index) != maxEntries {
		t.Errorf("%d entries are left; the new one: %v, the oldest other: %v", len(index), kept, oldest)
	}
	index = map[string]infoRecord{
		"old": {ID: "old", Bytes: maxSnapshotBytes, Info: Info{ListedAt: noon}},
		"new": {ID: "new", Bytes: 1, Info: Info{ListedAt: noon.Add(1)}},
	}
	if s.evict(index, "new"); len(index) != 1 {
		t.Errorf("%d entries are left over the bound on bytes", len(index))
	}
}

// An entry that cannot be saved serves this process all the same.
func TestUnsavedEntriesStayInMemory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := Open(dir, quiet)
	huge := entryOf(t, "s", noon, `{"name":"x","description":"`+strings.Repeat("x", maxEntryBytes)+`"}`)
	c.Put(huge)
	c.Put(Entry{ID: "raw-less", Tools: []Tool{{Name: "x"}}})
	for _, id := range []string{"s", "raw-less"} {
		if i, ok := c.Infos()[id]; !ok || i.Tools != 1 {
			t.Errorf("%s: info is %+v, %v", id, i, ok)
		}
	}
	if len(c.Infos()) != 2 || len(Open(dir, quiet).Infos()) != 0 {
		t.Errorf("this process has %v, others have %v", c.Infos(), Open(dir, quiet).Infos())
	}
	blocked := filepath.Join(dir, "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c = Open(blocked, quiet)
	c.Put(entryOf(t, "t", noon))
	if _, ok := c.Get("t"); !ok {
		t.Error("an entry is lost where there can be no folder")
	}
}

// A process that was stopped while it held the lock costs the others a bounded
// wait, and nothing that they list.
func TestLockIsWaitedForWithinABound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := Open(dir, quiet)
	c.Put(entryOf(t, "before", noon, `{"name":"x"}`))
	stopped := flock.New(filepath.Join(c.disk.dir, "lock"))
	if ok, err := stopped.TryLock(); !ok || err != nil {
		t.Fatalf("lock is free %v, %v", ok, err)
	}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c.Put(entryOf(t, "held", noon, `{"name":"x"}`))
		if took := time.Since(start); took != maxLockWait {
			t.Errorf("waited %v for the lock, want %v", took, maxLockWait)
		}
	})
	if e, ok := c.Get("held"); !ok || len(e.Tools) != 1 {
		t.Error("an entry is lost where the lock is held")
	}
	if _, ok := Open(dir, quiet).Get("held"); ok {
		t.Error("an entry was written without the lock")
	}
	if err := stopped.Close(); err != nil {
		t.Fatal(err)
	}
	c.Put(entryOf(t, "held", noon, `{"name":"x"}`))
	if _, ok := Open(dir, quiet).Get("held"); !ok {
		t.Error("an entry is not written once the lock is free")
	}
}

func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("permissions are inherited from the user's folder there")
	}
	dir := filepath.Join(t.TempDir(), "catalog")
	Open(dir, quiet).Put(entryOf(t, "s", noon, `{"name":"x"}`))
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLeftoversAreSwept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	Open(dir, quiet).Put(entryOf(t, "s", noon))
	leftover := filepath.Join(dir, "v1", tempPrefix+"123")
	if err := os.WriteFile(leftover, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	Open(dir, quiet).Put(entryOf(t, "t", noon))
	if _, err := os.Stat(leftover); !os.IsNotExist(err) {
		t.Errorf("the leftover is still there (%v)", err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	c := Open(t.TempDir(), quiet)
	big := `{"name":"x","description":"` + strings.Repeat("x", maxCachedBytes/5) + `"}`
	for i := range 8 {
		c.Put(entryOf(t, fmt.Sprint(i), noon, big))
	}
	if c.disk.cached > maxCachedBytes || len(c.disk.cache) != 4 {
		t.Errorf("%d bytes of %d entries are cached", c.disk.cached, len(c.disk.cache))
	}
	for i := range 8 {
		if _, ok := c.Get(fmt.Sprint(i)); !ok {
			t.Errorf("entry %d is lost", i)
		}
	}
}

// Whatever stands in a file, it is either what was written or damaged; and
// whatever an upstream sends comes back byte for byte.
func FuzzEntryFile(f *testing.F) {
	f.Add([]byte(`{"name":"x", "inputSchema" : {"type":"object"}}`), "instructions")
	whole, err := encodeEntry(entryOf(f, "s", noon, `{"name":"x"}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole, "")
	f.Fuzz(func(t *testing.T, data []byte, instructions string) {
		if e, err := decodeEntry(data); err == nil {
			if again, err := encodeEntry(e); err != nil || len(again) == 0 {
				t.Errorf("an entry that was read cannot be written: %v", err)
			}
		}
		tool, err := ParseTool(data)
		if err != nil {
			return
		}
		sealed, err := encodeEntry(Entry{ID: "s", Instructions: instructions, Tools: []Tool{tool, tool}})
		if err != nil {
			t.Fatal(err)
		}
		e, err := decodeEntry(sealed)
		if err != nil || len(e.Tools) != 2 || !reflect.DeepEqual(e.Tools[1], tool) {
			t.Errorf("wrote %+v, read %+v, %v", tool, e.Tools, err)
		}
	})
}

// Recent sees at once what its own process changed, and in time what another did.
func TestRecent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ours, theirs := Open(dir, quiet), Open(dir, quiet)
	put := func(c *Catalog, instructions string) { c.Put(Entry{ID: "a", Instructions: instructions}) }
	got := func(late time.Duration) string {
		e, _ := ours.Recent("a", late)
		return e.Instructions
	}
	put(ours, "1")
	if got := got(time.Hour); got != "1" {
		t.Errorf("got %q after the first change", got)
	}
	put(theirs, "2")
	if now, later := got(time.Hour), got(0); now != "1" || later != "2" {
		t.Errorf("another process's change: %q, and later %q", now, later)
	}
	put(ours, "3")
	if got := got(time.Hour); got != "3" {
		t.Errorf("got %q after a change of its own", got)
	}
}
