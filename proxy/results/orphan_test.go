package results_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy/auth/privatefile"
	"mcpproxy/proxy/results"
)

// large is a result of which the text is stored at a limit of 100 bytes.
var large = json.RawMessage(`{"content":[{"type":"text","text":"` + strings.Repeat("x", 200) + `"}]}`)

// store stores a result, and returns its ID or "" if that did not work.
func store(t *testing.T, s *results.Store) (id string) {
	t.Helper()
	s.Fit(t.Context(), large, 100, func(h results.Handle) string {
		id = h.ID
		return "next"
	})
	return id
}

// folders returns the folders of results in dir.
func folders(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			list = append(list, filepath.Join(dir, e.Name()))
		}
	}
	return list
}

// Another process holds the shared lock and has made its folder, but does not
// hold the lock of the folder yet. Nobody takes the folder for an orphan.
func TestFolderBeingMadeIsNoOrphan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "results")
		unlock, err := privatefile.Lock(t.Context(), filepath.Join(dir, "lock"))
		if err != nil {
			t.Fatal(err)
		}
		theirs := filepath.Join(dir, "theirstheirsthei")
		if err := os.Mkdir(theirs, 0o700); err != nil {
			t.Fatal(err)
		}
		s := results.New(dir, slog.New(slog.DiscardHandler))
		defer s.Close()
		s.Sweep(t.Context())
		if id := store(t, s); id != "" {
			t.Errorf("stored %q without the shared lock", id)
		}
		if got := folders(t, dir); len(got) != 1 || got[0] != theirs {
			t.Errorf("folders %q, want the other process's alone", got)
		}

		release, err := privatefile.Lock(t.Context(), filepath.Join(theirs, "lock"))
		if err != nil {
			t.Fatal(err)
		}
		unlock()
		s.Sweep(t.Context())
		if got := folders(t, dir); len(got) != 1 {
			t.Errorf("folders %q, want that of a living process", got)
		}
		release() // as at the end of the process
		s.Sweep(t.Context())
		if got := folders(t, dir); len(got) != 0 {
			t.Errorf("folders %q, want none", got)
		}
	})
}

// A store makes its folder under the shared lock, and holds the lock of the
// folder when it releases the shared one.
func TestFolderIsLockedFromTheStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "results")
		shared := filepath.Join(dir, "lock")
		unlock, err := privatefile.Lock(t.Context(), shared)
		if err != nil {
			t.Fatal(err)
		}
		s := results.New(dir, slog.New(slog.DiscardHandler))
		defer s.Close()
		stored := make(chan string)
		go func() { stored <- store(t, s) }()
		synctest.Wait()
		if got := folders(t, dir); len(got) != 0 {
			t.Errorf("made %q without the shared lock", got)
		}
		unlock()
		id := <-stored
		got := folders(t, dir)
		if id == "" || len(got) != 1 || !privatefile.Held(filepath.Join(got[0], "lock")) || privatefile.Held(shared) {
			t.Errorf("stored %q, folders %q", id, got)
		}
	})
}

// Whatever else lies beside the folders of results belongs to somebody else.
func TestOnlyOurFoldersAreRemoved(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "results")
	file := func(parts ...string) string {
		path := filepath.Join(append([]string{dir}, parts...)...)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	kept := []string{
		file("notes.txt"), file("thesis", "chapter"), file("thesis", "lock"), file("Abcdefghijklmnop", "lock"), file("abcdefghijklmno1", "lock"),
		file("abcdefghijklmnopq", "lock"), file("bbbbbbbbbbbbbbbb", "chapter"), file("cccccccccccccccc", "lock", "inside"),
	}
	orphan := file("abcdefghijklmn27", "lock")
	s := results.New(dir, slog.New(slog.DiscardHandler))
	s.Sweep(t.Context())
	if id := store(t, s); id == "" {
		t.Error("not stored")
	}
	for _, path := range kept {
		if text, err := os.ReadFile(path); string(text) != "mine" {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{filepath.Join(dir, "bbbbbbbbbbbbbbbb", "lock"), orphan} {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s is there: %v", path, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// Sweep makes nothing where nothing was ever stored.
func TestSweepOfNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "results")
	s := results.New(dir, slog.New(slog.DiscardHandler))
	s.Sweep(t.Context())
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder is there: %v", err)
	}
}

// A process that does not release the shared lock holds up nobody for longer
// than two seconds, and nothing is stored beside it.
func TestWithoutTheSharedLockNothingIsStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "results")
		unlock, err := privatefile.Lock(t.Context(), filepath.Join(dir, "lock"))
		if err != nil {
			t.Fatal(err)
		}
		s := results.New(dir, slog.New(slog.DiscardHandler))
		began := time.Now()
		if id := store(t, s); id != "" || time.Since(began) != 2*time.Second {
			t.Errorf("stored %q after %v", id, time.Since(began))
		}
		unlock()
		if id := store(t, s); id == "" {
			t.Error("not stored after the lock was released")
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if id := store(t, s); id != "" {
			t.Errorf("stored %q after Close", id)
		}
		if got := folders(t, dir); len(got) != 0 {
			t.Errorf("folders %q after Close", got)
		}
	})
}
