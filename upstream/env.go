package upstream

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// childEnv is the environment a child gets: the base set of the MCP
// convention, the names it inherits, and its own settings on top. Nothing
// else of ours reaches it: the environment of a host is full of secrets.
func childEnv(cfg Config) []string {
	keep := func(name string) bool {
		return slices.Contains(baseEnv, envKey(name)) || strings.HasPrefix(name, "LC_") ||
			slices.ContainsFunc(cfg.InheritEnv, func(n string) bool { return envKey(n) == envKey(name) })
	}
	var env []string
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		// An exported shell function is code that a child's shell would run.
		if keep(name) && !strings.HasPrefix(value, "()") {
			env = append(env, kv)
		}
	}
	for name, value := range cfg.Env {
		env = slices.DeleteFunc(env, func(kv string) bool {
			n, _, _ := strings.Cut(kv, "=")
			return envKey(n) == envKey(name)
		})
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return env
}

// envKey makes names comparable: on Windows their case does not count.
func envKey(name string) string {
	if runtime.GOOS == "windows" {
		return strings.ToUpper(name)
	}
	return name
}

func envValue(env []string, name string) string {
	for _, kv := range env {
		if n, v, _ := strings.Cut(kv, "="); envKey(n) == envKey(name) {
			return v
		}
	}
	return ""
}

// lookPath finds a command as the child's own environment would.
func lookPath(command, cwd string, env []string) (string, error) {
	if strings.ContainsRune(command, '/') || strings.ContainsRune(command, filepath.Separator) {
		path := command
		if !filepath.IsAbs(path) {
			path = filepath.Join(cwd, path)
		}
		if _, err := exec.LookPath(path); err != nil {
			if dir, _ := os.Stat(path); dir != nil && dir.IsDir() {
				return "", &fs.PathError{Op: "start", Path: path, Err: errIsDir}
			}
			return "", &NotFoundError{Command: command, Dirs: []string{filepath.Dir(path)}}
		}
		return filepath.Abs(path)
	}
	dirs := filepath.SplitList(envValue(env, "PATH"))
	for _, dir := range dirs {
		if !filepath.IsAbs(dir) {
			continue // what a relative entry means depends on where the host started us
		}
		if path, err := exec.LookPath(filepath.Join(dir, command)); err == nil {
			return path, nil
		}
	}
	return "", &NotFoundError{Command: command, Dirs: dirs}
}
