package child

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// completePath adds to the PATH in env those folders that exist where programs
// usually are. A host that was started from a desktop has a PATH without them,
// and a program found there needs its neighbours, as npx needs node.
func completePath(env []string) []string {
	dirs := filepath.SplitList(envValue(env, "PATH"))
	home := envValue(env, homeVar)
	for _, pattern := range usualDirs(home, func(name string) string { return envValue(env, name) }) {
		for _, dir := range newestFirst(pattern) {
			if filepath.IsAbs(dir) && !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
	}
	return setEnv(env, "PATH", strings.Join(dirs, string(filepath.ListSeparator)))
}

// newestFirst returns the folders that match a pattern, those of higher
// versions first.
func newestFirst(pattern string) []string {
	dirs, _ := filepath.Glob(pattern) // a malformed pattern matches nothing
	dirs = slices.DeleteFunc(dirs, func(dir string) bool {
		info, err := os.Stat(dir)
		return err != nil || !info.IsDir()
	})
	slices.SortFunc(dirs, func(a, b string) int { return compareVersions(b, a) })
	return dirs
}

// compareVersions compares texts and the numbers in them by value: v9 is less
// than v10.
func compareVersions(a, b string) int {
	digits := func(s string) int {
		n := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
		if n < 0 {
			return len(s)
		}
		return n
	}
	for a != "" && b != "" {
		if n, m := digits(a), digits(b); n > 0 && m > 0 {
			x, y := strings.TrimLeft(a[:n], "0"), strings.TrimLeft(b[:m], "0")
			if len(x) != len(y) {
				return len(x) - len(y)
			}
			if c := strings.Compare(x, y); c != 0 {
				return c
			}
			a, b = a[n:], b[m:]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

// lookPath finds a command in the child's own PATH.
func lookPath(command, cwd string, env []string) (string, error) {
	if strings.ContainsRune(command, '/') || strings.ContainsRune(command, filepath.Separator) {
		path := command
		if !filepath.IsAbs(path) {
			path = filepath.Join(cwd, path)
		}
		found, err := exec.LookPath(path) // on Windows with its extension
		if err != nil {
			if dir, _ := os.Stat(path); dir != nil && dir.IsDir() {
				return "", &fs.PathError{Op: "start", Path: path, Err: errIsDir}
			}
			if errors.Is(err, fs.ErrPermission) {
				return "", &fs.PathError{Op: "start", Path: path, Err: errNotExecutable}
			}
			return "", &NotFoundError{Command: command, Dirs: []string{filepath.Dir(path)}}
		}
		return filepath.Abs(found)
	}
	dirs := filepath.SplitList(envValue(env, "PATH"))
	for _, dir := range dirs {
		if !filepath.IsAbs(dir) {
			continue // its meaning would depend on where the host started this process
		}
		if path, err := exec.LookPath(filepath.Join(dir, command)); err == nil {
			return path, nil
		}
	}
	return "", &NotFoundError{Command: command, Dirs: dirs}
}
