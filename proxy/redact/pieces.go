package redact

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A value may be cut into pieces among any text: the border of a table, the time
// and level of each line, quotes and a plus sign. The border of a piece is also
// one of a word, which keeps the beginnings of ordinary words.

const (
	// minPiece is the length of a piece in bytes that is looked for where another
	// one that it continues stands nearby.
	minPiece = 4
	// maxTries bounds how many places are tried at which a value could begin.
	maxTries = 100
	// maxNear bounds the text in bytes in which the next piece is looked for.
	maxNear = 1 << 10
	// nearLines is how many further lines of that there are: lines of others may
	// stand between.
	nearLines = 2
)

// maskPieces masks values of which one piece stands after the other, and single
// pieces that no ordinary word looks like.
func maskPieces(s string, forms []string) string {
	var found []span
	for _, form := range forms {
		form = withoutBreaks(form)
		if len(form) >= minSecret {
			found = appendChains(found, s, form)
		}
	}
	s = maskSpans(s, found)
	return maskSpans(s, oddPieces(s, forms))
}

// appendChains adds the pieces of each form that begins somewhere in s.
func appendChains(found []span, s, form string) []span {
	from := 0
	for range maxTries {
		i := strings.Index(s[from:], form[:minPiece])
		if i < 0 {
			break
		}
		at := from + i
		from = at + 1
		first := span{at, at + common(s[at:], form)}
		if first.to-at == len(form) || !endsWord(s, first.to) {
			continue
		}
		if rest := chain(s, form, first); rest != nil {
			found = append(append(found, first), rest...)
			from = rest[len(rest)-1].to
		}
	}
	return found
}

// chain returns the pieces that continue the first one of a form, or nil.
func chain(s, form string, first span) (rest []span) {
	done, at := first.to-first.from, first.to
	for done < len(form) {
		next, ok := continuation(near(s, at), form[done:])
		if !ok {
			break
		}
		next.from, next.to = next.from+at, next.to+at
		done, at = done+next.to-next.from, next.to
		rest = append(rest, next)
	}
	if done < len(form) && !isOdd(form[:done]) {
		return nil // the words of a path, say, stand together elsewhere, too
	}
	return rest
}

// near returns the text at an offset in which a value may go on.
func near(s string, at int) string {
	s = s[at:min(len(s), at+maxNear)]
	end, lines := 0, 0
	for lines <= nearLines {
		i := strings.IndexAny(s[end:], breaks)
		if i < 0 {
			return s
		}
		if strings.TrimSpace(s[end:end+i]) != "" || end == 0 {
			lines++ // an empty one does not count
		}
		end += i + 1
	}
	return s[:end]
}

// continuation finds what is left of a form, or a piece of that, between the
// borders of words.
func continuation(s, rest string) (span, bool) {
	head := rest[:min(minPiece, len(rest))]
	for from := 0; ; {
		i := strings.Index(s[from:], head)
		if i < 0 {
			return span{}, false
		}
		at := from + i
		end := at + common(s[at:], rest)
		if beginsWord(s, at) && endsWord(s, end) {
			return span{at, end}, true
		}
		from = at + 1
	}
}

// oddPieces returns the words of s that are pieces of values and look like no
// ordinary ones.
func oddPieces(s string, forms []string) (found []span) {
	for at := 0; at < len(s); {
		if !beginsWord(s, at) || !isOdd(s[at:min(len(s), at+2*minSecret)]) {
			at++
			continue
		}
		longest := 0
		for _, form := range forms {
			if i := strings.Index(form, s[at:min(len(s), at+minSecret)]); i >= 0 {
				n := common(s[at:], form[i:])
				piece := s[at : at+n]
				if n > longest && endsWord(s, at+n) && isOdd(piece) && isPiece(piece, []string{form}) {
					longest = n
				}
			}
		}
		if longest > 0 {
			found = append(found, span{at, at + longest})
		}
		at += max(longest, 1)
	}
	return found
}

// isOdd reports whether a text changes as often between letters and digits, and
// capitals and small letters, as random text does, and ordinary names do not.
func isOdd(s string) bool {
	const atLeast = 3
	changes := 0
	kind := func(c byte) int {
		switch {
		case '0' <= c && c <= '9':
			return 1
		case 'a' <= c && c <= 'z':
			return 2
		case 'A' <= c && c <= 'Z':
			return 3
		}
		return 0
	}
	for i := 1; i < len(s); i++ {
		if a, b := kind(s[i-1]), kind(s[i]); a != b && a > 0 && b > 0 {
			changes++
		}
	}
	return len(s) >= minSecret && changes >= atLeast
}

// common returns how many bytes two texts begin with alike.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// beginsWord and endsWord report whether no word of s goes on across an offset.
func beginsWord(s string, at int) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:at])
	return at == 0 || !isWord(before)
}

func endsWord(s string, at int) bool {
	after, _ := utf8.DecodeRuneInString(s[at:])
	return at == len(s) || !isWord(after)
}

// maskSpans masks parts of a text, which may overlap.
func maskSpans(s string, found []span) string {
	if found == nil {
		return s
	}
	slices.SortFunc(found, func(a, b span) int { return a.from - b.from })
	var b strings.Builder
	done := 0
	for _, f := range found {
		if f.from >= done {
			b.WriteString(s[done:f.from])
			b.WriteString(Mask)
		}
		done = max(done, f.to)
	}
	b.WriteString(s[done:])
	return b.String()
}

// withoutBreaks is a value as it stands in lines that were joined.
func withoutBreaks(form string) string {
	if !strings.ContainsAny(form, breaks) {
		return form
	}
	return strings.NewReplacer("\r", "", "\n", "").Replace(form)
}
