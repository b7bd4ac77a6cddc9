package names_test

import (
	"slices"
	"strings"
	"testing"

	"mcpproxy/catalog/names"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	tools := []string{"get_issue", "list_issues", "create_issue", "search_repositories", "create_pull_request", "get_me", "readFile", "git-log"}
	for _, test := range []struct {
		name string
		n    int
		want []string
	}{
		{"get-issue", 3, []string{"get_issue"}},
		{"GetIssue", 1, []string{"get_issue"}},
		{"issue_create", 1, []string{"create_issue"}},
		{"craete_issue", 1, []string{"create_issue"}},
		{"read_file", 1, []string{"readFile"}},
		{"gitlog", 1, []string{"git-log"}},
		{"list_isues", 1, []string{"list_issues"}},
		{"pull_request", 2, []string{"create_pull_request"}},
		{"repositorys", 1, []string{"search_repositories"}},
		{"issue", 2, []string{"get_issue", "create_issue"}},
		{"delete_everything", 3, nil},
		{"", 3, nil},
		{"_", 3, nil},
		{"get_issue", 0, nil},
		{strings.Repeat("get_issue", 10_000), 1, []string{"get_issue"}},
	} {
		if got := names.Nearest(test.name, tools, test.n); !slices.Equal(got, test.want) {
			t.Errorf("%.40s: %q, want %q", test.name, got, test.want)
		}
	}
}
