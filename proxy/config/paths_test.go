package config

import (
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// variables returns a getenv of the variables given as name, value, name, value.
func variables(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		i := slices.Index(pairs, name)
		if i < 0 {
			return "", false
		}
		return pairs[i+1], true
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the paths below are those of other systems")
	}
	for _, test := range []struct {
		goos string
		vars func(string) (string, bool)
		want Paths
	}{
		{"linux", variables("HOME", "/h"), Paths{"/h/.config/proxy/mcp.json", false, "/h/.local/state/proxy", "/h/.cache/proxy"}},
		{"freebsd", variables("HOME", "/h"), Paths{"/h/.config/proxy/mcp.json", false, "/h/.local/state/proxy", "/h/.cache/proxy"}},
		{"linux", variables("XDG_CONFIG_HOME", "/c", "XDG_STATE_HOME", "/s", "XDG_CACHE_HOME", "/k"), Paths{"/c/proxy/mcp.json", false, "/s/proxy", "/k/proxy"}},
		{"linux", variables("HOME", "/h", "XDG_CONFIG_HOME", "relative"), Paths{"/h/.config/proxy/mcp.json", false, "/h/.local/state/proxy", "/h/.cache/proxy"}},
		{"linux", variables("PROXY_CONFIG", "/x/y.json", "PROXY_STATE_DIR", "/s", "PROXY_CACHE_DIR", "/k"), Paths{"/x/y.json", true, "/s", "/k"}},
		{"darwin", variables("HOME", "/h", "XDG_CONFIG_HOME", "/c"), Paths{"/h/Library/Application Support/proxy/mcp.json", false, "/h/Library/Application Support/proxy/state", "/h/Library/Caches/proxy"}},
		{"windows", variables("AppData", "/r", "LocalAppData", "/l"), Paths{"/r/proxy/mcp.json", false, "/l/proxy/state", "/l/proxy/cache"}},
	} {
		got, err := pathsFor(test.goos, func(name string) string { v, _ := test.vars(name); return v })
		if err != nil || got != test.want {
			t.Errorf("%s: %+v, %v; want %+v", test.goos, got, err, test.want)
		}
	}
	if _, err := NewPaths(variables()); err == nil {
		t.Error("no error without HOME")
	}
	got, err := NewPaths(variables("PROXY_CONFIG", "mcp.json", "PROXY_STATE_DIR", "/s", "PROXY_CACHE_DIR", "/k"))
	if err != nil || !filepath.IsAbs(got.Config) {
		t.Errorf("a relative path stays relative: %+v, %v", got, err)
	}
}
