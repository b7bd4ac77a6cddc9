package names

import (
	"slices"
	"strings"

	"mcpproxy/catalog/clean"
)

// Fold makes names equal that differ only in case (ASCII), in a hyphen, underscore
// or space in the same place, or in characters that listings do not show.
func Fold(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '-' || r == ' ':
			return '_'
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return r
	}, clean.Line(name, 0))
}

// Alike returns the name itself if it is known, else all known names that equal
// it when folded.
func Alike(name string, known []string) []string {
	if slices.Contains(known, name) {
		return []string{name}
	}
	var found []string
	for _, n := range known {
		if Fold(n) == Fold(name) {
			found = append(found, n)
		}
	}
	return found
}

// FoldStyle makes the styles of one name equal: repoName, repo_name, repo-name and
// "Repo Name" all become reponame.
func FoldStyle(name string) string {
	folded := make([]byte, 0, len(name))
	for i := range len(name) {
		switch c := name[i]; {
		case 'A' <= c && c <= 'Z':
			folded = append(folded, c+'a'-'A')
		case c != '-' && c != '_' && c != ' ':
			folded = append(folded, c)
		}
	}
	return string(folded)
}
