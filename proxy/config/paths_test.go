package config

import (
	"path/filepath"
	"runtime"
	"testing"
)

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
