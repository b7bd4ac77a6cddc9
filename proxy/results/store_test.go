package results

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestResultsGoWithTheirOwner(t *testing.T) {
	t.Parallel()
	s, dir := newStore(t)
	large := `{"content":[` + textBlock(strings.Repeat("x", testLimit+1)) + `]}`
	fitted(t, s, large, testLimit)

	orphan := filepath.Join(dir, "killedkilledkill") // the system has let go of its lock
	if err := os.Mkdir(orphan, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lock", "rabc.text"} {
		if err := os.WriteFile(filepath.Join(orphan, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	other := New(dir, slog.New(slog.DiscardHandler))
	other.Sweep(t.Context())
	if _, err := os.Stat(orphan); !os.IsNotExist(err) {
		t.Errorf("the folder of a killed owner is still there: %v", err)
	}
	id := handleOf(t, fitted(t, other, large, testLimit)).ID
	if _, err := s.Read(t.Context(), Query{ID: id}); err == nil {
		t.Error("another process's result was given out")
	}
	if n := countFiles(t, dir); n != 2 {
		t.Errorf("%d results on disk, want one of each owner", n)
	}
	if info, err := os.Stat(other.own); err != nil || info.Mode().Perm() != 0o700 && runtime.GOOS != "windows" {
		t.Errorf("%v %v", info, err)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if n := countFiles(t, dir); n != 1 {
		t.Errorf("%d results on disk, want that of the living owner", n)
	}
	if got := fitted(t, other, large, testLimit); handleOf(t, got).ID != "" {
		t.Errorf("stored after its end: %s", got)
	}
}

func countFiles(t *testing.T, dir string) (n int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.text"))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func TestOldResultsMakeRoom(t *testing.T) {
	t.Parallel()
	s, dir := newStore(t)
	first := handleOf(t, fitted(t, s, `{"content":[`+textBlock(strings.Repeat("x", testLimit+1))+`]}`, testLimit)).ID
	s.mu.Lock()
	s.size = quota
	s.mu.Unlock()
	second := handleOf(t, fitted(t, s, `{"content":[`+textBlock(strings.Repeat("y", testLimit+1))+`]}`, testLimit)).ID
	_, err := s.Read(t.Context(), Query{ID: first})
	if _, expired := errors.AsType[*ExpiredError](err); !expired {
		t.Errorf("the oldest: %v", err)
	}
	if _, err := s.Read(t.Context(), Query{ID: second}); err != nil {
		t.Errorf("the newest: %v", err)
	}
	if n := countFiles(t, dir); n != 1 {
		t.Errorf("%d results on disk", n)
	}
}

// Not parallel: it measures the memory of the process.
func TestMemoryStaysFlat(t *testing.T) {
	asJSON, _ := fiveMiB()
	raw := `{"content":[` + textBlock(asJSON) + `]}`
	s, _ := newStore(t)
	measure := func() (m runtime.MemStats) {
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m
	}
	before := measure()
	for range 8 {
		h := handleOf(t, fitted(t, s, raw, 48<<10))
		if _, err := s.Read(t.Context(), Query{ID: h.ID, Offset: 4 << 20}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Read(t.Context(), Query{ID: h.ID, Grep: "nowhere"}); err != nil {
			t.Fatal(err)
		}
	}
	if after := measure(); after.HeapAlloc > before.HeapAlloc+1<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before.HeapAlloc, after.HeapAlloc)
	}
	runtime.KeepAlive(raw)
}
