package names_test

import (
	"slices"
	"strings"
	"testing"

	"mcpproxy/catalog/names"
)

func TestClosest(t *testing.T) {
	t.Parallel()
	properties := []string{"owner", "title", "labels", "repoName", "größe"}
	for _, test := range []struct {
		name, want string
		ok         bool
	}{
		{"owner", "owner", true},
		{"Ownr", "owner", true},
		{"tilte", "title", true},
		{"repo_name", "repoName", true},
		{"repo-nam", "repoName", true},
		{"größ", "größe", true},
		{"zzz", "", false},
		{"ti", "", false},
		{"", "", false},
		{strings.Repeat("x", 61), "", false},
	} {
		if got, ok := names.Closest(test.name, properties); got != test.want || ok != test.ok {
			t.Errorf("%q: %q, %v; want %q, %v", test.name, got, ok, test.want, test.ok)
		}
	}
	if got, ok := names.Closest("abcdef", []string{"abcdeg", "abcdeh"}); ok {
		t.Errorf("of two equally close names %q was taken", got)
	}
	long := strings.Repeat("y", 61)
	if _, ok := names.Closest(long, []string{long}); ok {
		t.Error("a name of more than 60 letters was looked for")
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	for _, equal := range [][]string{
		{"read_file", "Read-File", "READ FILE", "read\u200b_file"},
		{"readFile", "READFILE"},
		{"__", "--"},
	} {
		for _, name := range equal {
			if got, want := names.Fold(name), names.Fold(equal[0]); got != want {
				t.Errorf("%q folds to %q, %q to %q", name, got, equal[0], want)
			}
		}
	}
	if names.Fold("read_file") == names.Fold("readFile") {
		t.Error("a separator was ignored")
	}
	for _, name := range []string{"repoName", "repo_name", "repo-name", "Repo Name"} {
		if got := names.FoldStyle(name); got != "reponame" {
			t.Errorf("%q becomes %q", name, got)
		}
	}
}

func TestAlike(t *testing.T) {
	t.Parallel()
	known := []string{"get_me", "get-me", "Get_Me", "other"}
	for name, want := range map[string][]string{
		"get-me": {"get-me"}, // the exact name wins
		"GET_ME": {"get_me", "get-me", "Get_Me"},
		"OTHER":  {"other"},
		"getme":  nil,
		"":       nil,
	} {
		if got := names.Alike(name, known); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	servers := []string{"git", "git-lab", "mcp", "größe"}
	for _, test := range []struct {
		joined, server, tool string
		ok                   bool
	}{
		{"git.log", "git", "log", true},
		{"git__log", "git", "log", true},
		{"git:log", "git", "log", true},
		{"git/log", "git", "log", true},
		{"GIT/log", "git", "log", true},
		{"mcp__git__log", "git", "log", true},
		{"MCP--git__log", "git", "log", true},
		{"git_lab.create.issue", "git-lab", "create.issue", true},
		{"git-lab", "", "", false},
		{"git.", "", "", false},
		{"git_log", "", "", false},
		{"log", "", "", false},
		{"", "", "", false},
	} {
		server, tool, ok := names.Split(test.joined, servers)
		if server != test.server || tool != test.tool || ok != test.ok {
			t.Errorf("%q: %q, %q, %v; want %q, %q, %v", test.joined, server, tool, ok, test.server, test.tool, test.ok)
		}
	}
}

// Names come from models and servers, so no text may break a guess.
func FuzzNames(f *testing.F) {
	f.Add("mcp__git-lab__create", "git_lab")
	f.Add("größe", "grösse")
	f.Fuzz(func(t *testing.T, name, other string) {
		known := []string{other, "get_issue"}
		if found := names.Alike(other, known); len(found) != 1 || found[0] != other {
			t.Errorf("%q is alike %q", other, found)
		}
		for _, guesses := range [][]string{names.Alike(name, known), names.Nearest(name, known, 2)} {
			for _, guess := range guesses {
				if !slices.Contains(known, guess) {
					t.Errorf("%q was guessed from %q", guess, known)
				}
			}
		}
		if closest, ok := names.Closest(name, known); ok && !slices.Contains(known, closest) {
			t.Errorf("%q was guessed from %q", closest, known)
		}
		if server, tool, ok := names.Split(name, known); ok && (!slices.Contains(known, server) || !strings.HasSuffix(name, tool) || tool == "") {
			t.Errorf("%q was split into %q and %q", name, server, tool)
		}
	})
}
