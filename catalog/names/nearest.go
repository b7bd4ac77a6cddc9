package names

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// Nearest returns the known names that name may stand for, at most n of them, the
// nearest first. Case, separators and the order of words do not count, and a
// third of the characters may be wrong; one name may also be a part of the
// other. It returns no name rather than a far one.
func Nearest(name string, known []string, n int) []string {
	type candidate struct {
		name     string
		distance int
	}
	wantedWords := words(name)
	var found []candidate
	for _, k := range known {
		if d, near := distance(wantedWords, words(k)); near {
			found = append(found, candidate{k, d})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.name, b.name))
	})
	var nearest []string
	for _, c := range found[:min(n, len(found))] {
		nearest = append(nearest, c.name)
	}
	return nearest
}

// words splits a name at all characters that are neither letters nor digits, and
// before a capital that follows a small letter.
func words(name string) []string {
	var b strings.Builder
	lower := false
	for _, r := range name {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			r = ' '
		case unicode.IsUpper(r) && lower:
			b.WriteByte(' ')
		}
		lower = unicode.IsLower(r)
		b.WriteRune(unicode.ToLower(r))
	}
	return strings.Fields(b.String())
}

// distance returns how far apart two names are, and whether that is near.
func distance(a, b []string) (d int, near bool) {
	x, y := []rune(strings.Join(a, "")), []rune(strings.Join(b, ""))
	if len(x) == 0 || len(y) == 0 {
		return 0, false
	}
	limit := max(1, max(len(x), len(y))/3)
	best := edits(x, y, limit)
	if best <= limit {
		return best, true
	}
	if len(a) > 1 && slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))) {
		return 1, true
	}
	const telling = 3 // characters; fewer are a part of too many names
	if short, long := string(x), string(y); min(len(x), len(y)) >= telling &&
		(strings.Contains(long, short) || strings.Contains(short, long) || isWord(x, b) || isWord(y, a)) {
		return limit + 1, true
	}
	return 0, false
}

// isWord reports whether x is one of the words, give or take an edit for each four
// characters.
func isWord(x []rune, words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool {
		limit := len(x) / 4
		return edits(x, []rune(w), limit) <= limit
	})
}
