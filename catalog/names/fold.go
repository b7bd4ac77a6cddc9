package names

import (
	"slices"
	"strings"

	"mcpproxy/catalog/clean"
)

// Fold makes names equal that differ in case, hyphens, underscores and spaces,
// or in what listings do not show.
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

// Alike returns the name itself if it is one of names, else the names that
// are equal to it when folded.
func Alike(name string, names []string) []string {
	if slices.Contains(names, name) {
		return []string{name}
	}
	var found []string
	for _, n := range names {
		if Fold(n) == Fold(name) {
			found = append(found, n)
		}
	}
	return found
}

// FoldStyle brings the ways of writing one name together: repoName, repo_name,
// repo-name and "Repo Name".
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
