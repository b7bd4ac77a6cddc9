package vault

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"mcpproxy/auth/privatefile"
)

func TestFileStoreIsPrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the user's profile is private by its access control list; there are no mode bits")
	}
	v := fileVault(t)
	if err := os.MkdirAll(v.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	put := func() {
		t.Helper()
		if _, err := v.Put(t.Context(), "mcp:acme", Record{AccessToken: "a"}); err != nil {
			t.Fatal(err)
		}
	}
	check := func() {
		t.Helper()
		err := filepath.WalkDir(v.dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			fi, err := d.Info()
			if err == nil && fi.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %v", path, fi.Mode())
			}
			if strings.HasSuffix(path, ".tmp") {
				t.Errorf("%s was left behind", path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	put()
	check()
	if err := os.Chmod(filepath.Join(v.dir, "credentials.json"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Reload(t.Context(), "mcp:acme"); err != nil {
		t.Error(err)
	}
	check()
}

// A damaged file is an error to read and to delete from, and a new login
// sets it aside.
func TestFileStoreDamaged(t *testing.T) {
	t.Parallel()
	v, key := fileVault(t), "mcp:acme"
	path := filepath.Join(v.dir, "credentials.json")
	const damage = `{"mcp:acme": {"access_token": "hush`
	if err := privatefile.Folder(v.dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(damage), 0o600); err != nil {
		t.Fatal(err)
	}
	_, getErr := v.Get(t.Context(), key)
	for _, err := range []error{getErr, v.Delete(t.Context(), key)} {
		if ReasonOf(err) != Damaged || strings.Contains(err.Error(), "hush") {
			t.Errorf("got %v", err)
		}
	}
	for range 2 {
		if _, err := v.Put(t.Context(), key, Record{AccessToken: "a"}); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := v.Reload(t.Context(), key); err != nil || r.AccessToken != "a" {
		t.Errorf("got %v, %v", r, err)
	}
	aside, _ := filepath.Glob(path + ".damaged-*")
	if len(aside) != 1 {
		t.Fatalf("set aside: %v", aside)
	}
	if b, err := os.ReadFile(aside[0]); err != nil || string(b) != damage {
		t.Errorf("set aside %q, %v", b, err)
	}
}

// A folder that cannot be used is an error, and not an absent credential.
func TestFileStoreUnavailable(t *testing.T) {
	t.Parallel()
	v, key := fileVault(t), "mcp:acme"
	// A folder instead of the file also stops root.
	if err := os.MkdirAll(filepath.Join(v.dir, "credentials.json", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, getErr := v.Get(t.Context(), key)
	_, putErr := v.Put(t.Context(), key, Record{AccessToken: "a"})
	for _, err := range []error{getErr, putErr, v.Delete(t.Context(), key)} {
		if ReasonOf(err) != Unavailable {
			t.Errorf("got %v", err)
		}
	}
}

// An index that cannot be written does not make Put fail.
func TestPutSurvivesTheIndex(t *testing.T) {
	t.Parallel()
	v, key := fileVault(t), "mcp:acme"
	if err := os.MkdirAll(filepath.Join(v.dir, "index.json", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Put(t.Context(), key, Record{AccessToken: "a"}); err != nil {
		t.Fatal(err)
	}
	if r, err := v.Get(t.Context(), key); err != nil || r.AccessToken != "a" {
		t.Errorf("got %v, %v", r, err)
	}
}
