package config_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"mcpproxy/proxy/config"
)

// write puts a file below dir, with the folders above it.
func write(t testing.TB, text string, path ...string) string {
	t.Helper()
	file := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// loadText loads a global file of that text.
func loadText(t testing.TB, text string) *config.Config {
	t.Helper()
	return config.Load(config.LoadOptions{Global: write(t, text, t.TempDir(), "mcp.json")})
}

// problems returns all problems, as "line: message" and "| hint".
func problems(c *config.Config) string {
	all := slices.Clone(c.Problems)
	for _, s := range c.Servers {
		if s.Problem != nil {
			all = append(append(all, s.Problem), s.More...)
		}
	}
	var lines []string
	for _, p := range all {
		line := fmt.Sprintf("%d: %s", p.Line, p.Message)
		if p.Hint != "" {
			line += " | " + p.Hint
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func listed(c *config.Config) string {
	var all []string
	for _, s := range c.Servers {
		name := s.Name
		switch {
		case s.Untrusted:
			name += "?"
		case s.Problem != nil:
			name += "!"
		}
		all = append(all, name)
	}
	return strings.Join(all, " ")
}

// env returns a getenv of the variables given as name, value, name, value.
func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func jsonText(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

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
