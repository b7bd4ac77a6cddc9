package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func checkMode(t *testing.T, name string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != want {
		t.Errorf("%s has mode %v, want %v", name, info.Mode().Perm(), want)
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the paths below are those of other systems")
	}
	for _, test := range []struct {
		goos string
		env  func(string) (string, bool)
		want Paths
	}{
		{"linux", env("HOME", "/h"), Paths{"/h/.config/proxy/mcp.json", false, "/h/.local/state/proxy", "/h/.cache/proxy"}},
		{"freebsd", env("HOME", "/h"), Paths{"/h/.config/proxy/mcp.json", false, "/h/.local/state/proxy", "/h/.cache/proxy"}},
		{"linux", env("XDG_CONFIG_HOME", "/c", "XDG_STATE_HOME", "/s", "XDG_CACHE_HOME", "/k"), Paths{"/c/proxy/mcp.json", false, "/s/proxy", "/k/proxy"}},
		{"linux", env("HOME", "/h", "XDG_CONFIG_HOME", "relative"), Paths{"/h/.config/proxy/mcp.json", false, "/h/.local/state/proxy", "/h/.cache/proxy"}},
		{"linux", env("PROXY_CONFIG", "/x/y.json", "PROXY_STATE_DIR", "/s", "PROXY_CACHE_DIR", "/k"), Paths{"/x/y.json", true, "/s", "/k"}},
		{"darwin", env("HOME", "/h", "XDG_CONFIG_HOME", "/c"), Paths{"/h/Library/Application Support/proxy/mcp.json", false, "/h/Library/Application Support/proxy/state", "/h/Library/Caches/proxy"}},
		{"windows", env("AppData", "/r", "LocalAppData", "/l"), Paths{"/r/proxy/mcp.json", false, "/l/proxy/state", "/l/proxy/cache"}},
	} {
		got, err := pathsFor(test.goos, func(name string) string { v, _ := test.env(name); return v })
		if err != nil || got != test.want {
			t.Errorf("%s: %+v, %v; want %+v", test.goos, got, err, test.want)
		}
	}
	if _, err := NewPaths(env()); err == nil {
		t.Error("no error without HOME")
	}
	got, err := NewPaths(env("PROXY_CONFIG", "mcp.json", "PROXY_STATE_DIR", "/s", "PROXY_CACHE_DIR", "/k"))
	if err != nil || !filepath.IsAbs(got.Config) {
		t.Errorf("a relative path stays relative: %+v, %v", got, err)
	}
}

func TestPrivateFolders(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := MakePrivateDir(dir); err != nil {
		t.Fatal(err)
	}
	checkMode(t, filepath.Dir(dir), 0o700)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := MakePrivateDir(dir); err != nil {
		t.Fatal(err)
	}
	checkMode(t, dir, 0o700)

	if runtime.GOOS == "windows" {
		return
	}
	if err := os.Chmod(dir, 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if err := MakePrivateDir(dir); err == nil {
		t.Error("a shared folder is taken")
	}
	checkMode(t, dir, 0o777)
}
