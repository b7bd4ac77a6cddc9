package names

import "unicode/utf8"

// maxClosest bounds the name that [Closest] looks for, in characters.
const maxClosest = 60

// Closest returns the candidate that is most likely meant by name: a slip of
// few letters away, and nearer than all others.
func Closest(name string, candidates []string) (string, bool) {
	folded := FoldStyle(name)
	best, tie, found := len(folded)/3, true, ""
	if utf8.RuneCountInString(folded) > maxClosest {
		return "", false
	}
	for _, c := range candidates {
		d := edits([]rune(folded), []rune(FoldStyle(c)), best)
		switch {
		case d < best || d == best && found == "":
			best, tie, found = d, false, c
		case d == best:
			tie = true
		}
	}
	return found, !tie
}
