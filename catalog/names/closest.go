package names

import "unicode/utf8"

// maxClosest bounds the name that [Closest] looks for, in characters.
const maxClosest = 60

// Closest returns the candidate with the fewest edits from name, at most one for
// each three bytes of name. ok is false if there is none or a tie, or if name
// has more than 60 characters. Case, hyphens, underscores and spaces do not count.
//
// Closest is for a hint about one typing error, where a wrong one misleads.
// [Nearest] is for a choice of names when there is none of that name.
func Closest(name string, candidates []string) (closest string, ok bool) {
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
