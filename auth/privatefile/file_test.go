package privatefile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"mcpproxy/auth/privatefile"
)

const limit = 1 << 20

func write(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // past the umask
		t.Fatal(err)
	}
}

func expect(t *testing.T, path, want string) {
	t.Helper()
	if got, err := privatefile.Read(path, limit); err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v; want %q", path, got, err, want)
	}
}

func expectMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != want {
		t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
	}
}

// names returns the files in a folder, except locks.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".lock" {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestFolder(t *testing.T) {
	t.Parallel()
	above := filepath.Join(t.TempDir(), "above")
	dir := filepath.Join(above, "dir")
	if err := privatefile.Folder(dir); err != nil {
		t.Fatal(err)
	}
	expectMode(t, above, 0o700)
	expectMode(t, dir, 0o700)
	if runtime.GOOS == "windows" {
		t.Skip("there are no mode bits")
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := privatefile.Folder(dir); err != nil {
		t.Fatal(err)
	}
	expectMode(t, dir, 0o700)
	if err := os.Chmod(dir, 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if err := privatefile.Folder(dir); !errors.Is(err, privatefile.ErrShared) {
		t.Errorf("a folder such as /tmp: %v", err)
	}
	expectMode(t, dir, 0o777)
}

// A symbolic link may lead to the folder.
func TestFolderBehindLink(t *testing.T) {
	t.Parallel()
	moved, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(moved, link); err != nil {
		t.Skip(err)
	}
	if err := os.Chmod(moved, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := privatefile.Folder(link); err != nil {
		t.Fatal(err)
	}
	expectMode(t, moved, 0o700)
}

func TestRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if _, err := privatefile.Read(path, limit); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := privatefile.Read(dir, limit); !errors.Is(err, privatefile.ErrNotRegular) {
		t.Errorf("a folder: %v", err)
	}
	write(t, path, "12345", 0o644)
	if b, err := privatefile.Read(path, 4); !errors.Is(err, privatefile.ErrTooLarge) || b != nil {
		t.Errorf("a byte too much: %q, %v", b, err)
	}
	expectMode(t, path, 0o644)
	if b, err := privatefile.Read(path, 5); err != nil || string(b) != "12345" {
		t.Errorf("just enough: %q, %v", b, err)
	}
	expectMode(t, path, 0o600)
	write(t, path, "", 0o600)
	if b, err := privatefile.Read(path, limit); err != nil || b == nil || len(b) > 0 {
		t.Errorf("an empty file: %q, %v", b, err)
	}
}

func TestReplace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, content := range []string{"one", "two", ""} {
		if err := privatefile.Replace(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		expect(t, path, content)
		expectMode(t, path, 0o600)
	}
	write(t, path, "open", 0o666)
	if err := privatefile.Replace(path, []byte("closed")); err != nil {
		t.Fatal(err)
	}
	expectMode(t, path, 0o600)
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
	if err := privatefile.Replace(filepath.Join(dir, "gone", "file"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that is gone: %v", err)
	}
}

// Nothing is written through symbolic links.
func TestReplaceFollowsNoLink(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "elsewhere")
	write(t, elsewhere, "untouched", 0o644)
	path := filepath.Join(dir, "file")
	for _, name := range []string{path, path + ".tmp"} {
		if err := os.Symlink(elsewhere, name); err != nil {
			t.Skip(err)
		}
	}
	if err := privatefile.Replace(path, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(elsewhere); err != nil || string(b) != "untouched" {
		t.Errorf("the file behind the links holds %q, %v", b, err)
	}
	expectMode(t, elsewhere, 0o644)
	expectMode(t, path, 0o600)
	expect(t, path, "secret")
}

// A crash before the rename leaves the old content, and the next call
// removes the temporary file.
func TestReplaceAfterCrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	write(t, path, "old", 0o600)
	write(t, path+".tmp", "half of the n", 0o644)
	expect(t, path, "old")
	if err := privatefile.Replace(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	expect(t, path, "new")
	expectMode(t, path, 0o600)
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
}

// A failed replacement leaves the old content.
func TestReplaceFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	write(t, path, "old", 0o600)
	// A folder instead of the temporary file also stops root.
	if err := os.MkdirAll(filepath.Join(path+".tmp", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := privatefile.Replace(path, []byte("new")); err == nil {
		t.Error("replaced")
	}
	expect(t, path, "old")

	blocked := filepath.Join(dir, "blocked")
	if err := os.MkdirAll(filepath.Join(blocked, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := privatefile.Replace(blocked, []byte("new")); err == nil {
		t.Error("replaced a folder")
	}
	if _, err := os.Lstat(blocked + ".tmp"); err == nil {
		t.Error("the temporary file was left behind")
	}
}

// writeForEver is the process that TestKilledWriter kills.
func writeForEver(path string) {
	for i := 0; ; i++ {
		content := bytes.Repeat([]byte{'a' + byte(i%26)}, 256<<10)
		err := privatefile.Update(context.Background(), path, limit, func([]byte) ([]byte, error) { return content, nil })
		if err != nil {
			os.Exit(1)
		}
		if i == 0 {
			os.Stdout.WriteString("ready\n")
		}
	}
}

// A writer is killed at random moments: the content is always complete, and
// the next writer gets the lock and leaves nothing behind.
func TestKilledWriter(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "folder")
	path := filepath.Join(dir, "file")
	for round := range 10 {
		writer := start(t, "write", path)
		<-time.After(time.Duration(round) * 1300 * time.Microsecond)
		kill(t, writer)
		b, err := privatefile.Read(path, limit)
		if err != nil || len(b) != 256<<10 || len(bytes.Trim(b, string(b[:1]))) > 0 {
			t.Fatalf("torn content of %d bytes, %v", len(b), err)
		}
		err = privatefile.Update(t.Context(), path, limit, func([]byte) ([]byte, error) { return []byte("mine"), nil })
		if err != nil {
			t.Fatal(err)
		}
		if got := names(t, dir); len(got) != 1 {
			t.Errorf("left behind: %v", got)
		}
	}
}

func TestSetAside(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	for _, content := range []string{"one", "two"} {
		write(t, path, content, 0o600)
		if err := privatefile.SetAside(path); err != nil {
			t.Fatal(err)
		}
	}
	aside, err := filepath.Glob(path + ".damaged-*")
	if err != nil || len(aside) != 2 {
		t.Fatalf("set aside %v, %v", aside, err)
	}
	if err := privatefile.SetAside(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// increment counts in a JSON file.
func increment(content []byte) ([]byte, error) {
	n := 0
	if content != nil && json.Unmarshal(content, &n) != nil {
		return nil, privatefile.ErrDamaged
	}
	return json.Marshal(n + 1)
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "folder", "file")
	const writers, rounds = 6, 5
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range rounds {
				if err := privatefile.Update(t.Context(), path, limit, increment); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	expect(t, path, fmt.Sprint(writers*rounds))

	errOther := errors.New("other")
	for _, want := range []error{nil, errOther} {
		err := privatefile.Update(t.Context(), path, limit, func([]byte) ([]byte, error) {
			if want != nil {
				return []byte("0"), want
			}
			return nil, nil
		})
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		expect(t, path, fmt.Sprint(writers*rounds))
	}
}

func TestUpdateDamaged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "{", 0o600)
	if err := privatefile.Update(t.Context(), path, limit, increment); err != nil {
		t.Fatal(err)
	}
	expect(t, path, "1")
	aside, _ := filepath.Glob(path + ".damaged-*")
	if len(aside) != 1 {
		t.Fatalf("set aside: %v", aside)
	}
	expect(t, aside[0], "{")

	// A change that always fails is called only twice.
	calls := 0
	err := privatefile.Update(t.Context(), path, limit, func([]byte) ([]byte, error) {
		calls++
		return nil, privatefile.ErrDamaged
	})
	if !errors.Is(err, privatefile.ErrDamaged) || calls != 2 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

// A file that is too large is not set aside.
func TestUpdateTooLarge(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "100", 0o600)
	if err := privatefile.Update(t.Context(), path, 2, increment); !errors.Is(err, privatefile.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	expect(t, path, "100")
}
