package proxy

import (
	"slices"
	"strings"

	"mcpproxy/catalog/clean"
)

// fold makes names equal that differ in case, hyphens, underscores and spaces,
// or in what listings do not show.
func fold(name string) string {
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

// alike returns the name itself if it is one of names, else the names that
// are equal to it when folded.
func alike(name string, names []string) []string {
	if slices.Contains(names, name) {
		return []string{name}
	}
	var found []string
	for _, n := range names {
		if fold(n) == fold(name) {
			found = append(found, n)
		}
	}
	return found
}
