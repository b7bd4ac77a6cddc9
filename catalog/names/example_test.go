package names_test

import (
	"fmt"

	"mcpproxy/catalog/names"
)

func ExampleNearest() {
	tools := []string{"get_issue", "list_issues", "create_issue", "search_repositories"}
	fmt.Println(names.Nearest("issue_create", tools, 3))
	fmt.Println(names.Nearest("issue", tools, 2))
	fmt.Println(names.Nearest("delete_everything", tools, 3))
	// Output:
	// [create_issue]
	// [get_issue create_issue]
	// []
}

// Two candidates that are equally near decide nothing.
func ExampleClosest() {
	fmt.Println(names.Closest("titel", []string{"title", "body"}))
	_, ok := names.Closest("color", []string{"colour", "colors"})
	fmt.Println(ok)
	// Output:
	// title true
	// false
}

func ExampleAlike() {
	fmt.Println(names.Alike("Read-File", []string{"read_file", "readFile", "write_file"}))
	// Output: [read_file]
}

func ExampleSplit() {
	servers := []string{"git", "git_lab"}
	fmt.Println(names.Split("mcp__git-lab__create_issue", servers))
	fmt.Println(names.Split("git.log", servers))
	fmt.Println(names.Split("gitlog", servers))
	// Output:
	// git_lab create_issue true
	// git log true
	//   false
}
