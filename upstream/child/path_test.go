package child

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// writeProgram writes a file that can be run.
func writeProgram(t *testing.T, path string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBarePathIsCompleted(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("folders of Unix")
	}
	for _, c := range []struct {
		name  string
		files []string // under the home folder; the first is to be found
		alias string   // nvm's default
	}{
		{name: "uv", files: []string{".local/bin/tool-x"}},
		{name: "newest of nvm", files: []string{".nvm/versions/node/v10.1.0/bin/tool-x", ".nvm/versions/node/v9.9.9/bin/tool-x"}},
		{name: "default of nvm", alias: "v18\n", files: []string{".nvm/versions/node/v18.2.0/bin/tool-x", ".nvm/versions/node/v22.0.0/bin/tool-x"}},
		{name: "named alias of nvm", alias: "lts/*\n", files: []string{".nvm/versions/node/v22.0.0/bin/tool-x", ".nvm/versions/node/v18.0.0/bin/tool-x"}},
		{name: "go", files: []string{"go/bin/tool-x"}},
		{name: "cargo", files: []string{".cargo/bin/tool-x"}},
		{name: "pyenv", files: []string{".pyenv/shims/tool-x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			for _, f := range c.files {
				writeProgram(t, filepath.Join(home, f))
			}
			if c.alias != "" {
				alias := filepath.Join(home, ".nvm/alias/default")
				os.MkdirAll(filepath.Dir(alias), 0o755)
				os.WriteFile(alias, []byte(c.alias), 0o600)
			}
			env := completePath([]string{"HOME=" + home, "PATH=/usr/bin"})
			got, err := lookPath("tool-x", "", env)
			want := filepath.Join(home, c.files[0])
			if err != nil || got != want {
				t.Errorf("found %q, %v; want %q", got, err, want)
			}
			if dirs := filepath.SplitList(envValue(env, "PATH")); dirs[0] != "/usr/bin" || !slices.Contains(dirs, filepath.Dir(want)) {
				t.Errorf("the child's PATH is %q", dirs)
			}
		})
	}
}

func TestRelativePathEntriesAreNotSearched(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeProgram(t, filepath.Join(dir, "tool-x"))
	rel, err := filepath.Rel(mustGetwd(t), dir)
	if err != nil {
		t.Skip("no relative path to the temporary folder")
	}
	if got, err := lookPath("tool-x", "", []string{"PATH=" + rel}); err == nil {
		t.Errorf("found %s", got)
	}
}

func mustGetwd(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestChildEnvironmentIsScrubbed(t *testing.T) {
	t.Setenv("A_TOKEN_OF_THE_HOST", "secret-1")
	t.Setenv("WANTED", "yes")
	t.Setenv("LC_PAPER", "A4")
	t.Setenv("TERM", "() { :;}; echo")
	cfg := Config{Env: map[string]string{"OWN": "1"}, InheritEnv: []string{"WANTED"}}
	env := strings.Join(environment(cfg), "\n") + "\n"
	for _, want := range []string{"WANTED=yes\n", "LC_PAPER=A4\n", "OWN=1\n", "PATH="} {
		if !strings.Contains(env, want) {
			t.Errorf("%q is missing", want)
		}
	}
	for _, not := range []string{"secret-1", "() {"} {
		if strings.Contains(env, not) {
			t.Errorf("%q reached the child", not)
		}
	}
}
