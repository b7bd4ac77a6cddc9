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
		d := slips([]rune(folded), []rune(FoldStyle(c)), best)
		switch {
		case d < best || d == best && found == "":
			best, tie, found = d, false, c
		case d == best:
			tie = true
		}
	}
	return found, !tie
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

// slips counts the letters to insert, remove, replace or swap with their
// neighbour that make b of a (optimal string alignment); most+1 if more than most.
func slips(a, b []rune, most int) int {
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return most + 1
	}
	// Three rows of the table suffice: a swap looks two rows back.
	two, one, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range one {
		one[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := one[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(one[j]+1, row[j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], two[j-2]+1)
			}
		}
		two, one, row = one, row, two
	}
	return min(one[len(b)], most+1)
}
