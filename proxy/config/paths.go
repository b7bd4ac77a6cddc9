package config

import (
	"fmt"
	"path/filepath"
	"runtime"
)

// Paths are the places in the file system that the proxy uses. None is made
// before it is needed: whoever writes into a folder makes it first.
type Paths struct {
	Config   string // the global configuration file
	Explicit bool   // PROXY_CONFIG named it
	State    string // folder of what must last: locks, indexes, trust
	Cache    string // folder of what can be rebuilt
}

// NewPaths finds the places from the environment. PROXY_CONFIG,
// PROXY_STATE_DIR and PROXY_CACHE_DIR name them one by one; else they are
// folders named "proxy" in those of the XDG Base Directory Specification, or
// in the ones that macOS and Windows have for the purpose.
func NewPaths(getenv func(string) (string, bool)) (Paths, error) {
	return pathsFor(runtime.GOOS, func(name string) string { v, _ := getenv(name); return v })
}

// A place is a path below a folder that one of two variables names.
type place struct {
	xdg   string // the folder itself, if set and absolute; may be ""
	home  string // a folder above it
	below string // from home to the folder
	name  string // from the folder to the path
}

// places holds the path of the configuration file and the folders of state
// and cache, by operating system.
var places = map[string][3]place{
	"linux": {
		{"XDG_CONFIG_HOME", "HOME", ".config", "proxy/mcp.json"},
		{"XDG_STATE_HOME", "HOME", ".local/state", "proxy"},
		{"XDG_CACHE_HOME", "HOME", ".cache", "proxy"},
	},
	"darwin": {
		{"", "HOME", "Library/Application Support", "proxy/mcp.json"},
		{"", "HOME", "Library/Application Support", "proxy/state"},
		{"", "HOME", "Library/Caches", "proxy"},
	},
	"windows": {
		{"", "AppData", "", "proxy/mcp.json"},
		{"", "LocalAppData", "", "proxy/state"},
		{"", "LocalAppData", "", "proxy/cache"},
	},
}

func pathsFor(goos string, getenv func(string) string) (Paths, error) {
	own, known := places[goos]
	if !known {
		own = places["linux"]
	}
	p := Paths{Explicit: getenv("PROXY_CONFIG") != ""}
	for i, where := range []struct {
		path     *string
		variable string
	}{{&p.Config, "PROXY_CONFIG"}, {&p.State, "PROXY_STATE_DIR"}, {&p.Cache, "PROXY_CACHE_DIR"}} {
		path, err := getenv(where.variable), error(nil)
		if path == "" {
			path, err = own[i].find(getenv)
		}
		if err == nil {
			// A child or a later process may have another working directory.
			*where.path, err = filepath.Abs(path)
		}
		if err != nil {
			return Paths{}, fmt.Errorf("%w and %s neither", err, where.variable)
		}
	}
	return p, nil
}

func (p place) find(getenv func(string) string) (string, error) {
	// The XDG Base Directory Specification ignores relative paths.
	if dir := getenv(p.xdg); p.xdg != "" && filepath.IsAbs(dir) {
		return filepath.Join(dir, filepath.FromSlash(p.name)), nil
	}
	home := getenv(p.home)
	if home == "" {
		return "", fmt.Errorf("%s is not set", p.home)
	}
	return filepath.Join(home, filepath.FromSlash(p.below), filepath.FromSlash(p.name)), nil
}
