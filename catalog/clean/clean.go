package clean

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text makes foreign text harmless to show to a person at a terminal and to a
// model, and keeps its lines. It removes what acts on a terminal and what cannot
// be seen, in which instructions to a model can hide: escape sequences, control
// characters, overrides of direction and invisible characters. Joiners and
// variation selectors stay where scripts and emoji need them. Text also removes
// space at the ends of lines, all but one of several empty lines, and all but 8
// of a run of spaces.
//
// The result has at most that many characters, see [Cut]. flagged reports that
// something was removed that honest text does not contain.
func Text(s string, most int) (text string, flagged bool) {
	text, flagged = harmless(s)
	return Cut(tidy(text), most), flagged
}

// Line is Text for a single line: a run of spaces, tabs and line breaks becomes
// one space.
func Line(s string, most int) string {
	if (most <= 0 || len(s) <= most) && isPlainLine(s) {
		return s
	}
	text, _ := harmless(enough(s, most))
	return Cut(strings.Join(strings.Fields(text), " "), most)
}

// Visible returns s without what cannot be seen in it and what acts on a terminal,
// which Text removes too. Everything else stays as it is, but bytes that are not
// UTF-8, which become U+FFFD.
func Visible(s string) string {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\n' && c != '\t' && c != '\r' || c > '~' {
			lines := strings.Split(s, "\r") // which harmless would take for another line end
			for i, line := range lines {
				lines[i], _ = harmless(line)
			}
			return strings.Join(lines, "\r")
		}
	}
	return s
}

// enough returns so much of the beginning of s that most characters are left of it
// even if nearly all are removed.
func enough(s string, most int) string {
	if n := 64 * most; most > 0 && len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// isPlainLine reports whether s needs no cleaning, as is usual.
func isPlainLine(s string) bool {
	previous := byte(' ')
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c > '~' || c == ' ' && previous == ' ' {
			return false
		}
		previous = c
	}
	return s == "" || previous != ' '
}

// harmless removes and replaces characters, and reports whether it removed one that
// honest text does not contain.
func harmless(s string) (text string, flagged bool) {
	var b strings.Builder
	b.Grow(len(s))
	previous := ' ' // the last rune written
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if n := escapeSequence(s); n > 0 {
			s, flagged = s[n:], true
			continue
		}
		s = s[size:]
		next, _ := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			flagged = true
			r = utf8.RuneError
			if previous == r {
				continue // one for a run of invalid bytes
			}
		case r == '\r' && next == '\n':
			continue
		case r == '\r' || r == '\u2028' || r == '\u2029' || r == '\u0085':
			r = '\n'
		case r == '\n' || r == '\t':
		case unicode.Is(unicode.Zs, r):
			r = ' '
		case isSelector(r):
			if !modifiable(previous, r) {
				flagged = true
				continue
			}
		case r == '\u200c' || r == '\u200d': // zero-width non-joiner and joiner
			if !joinable(previous) || !joinable(next) {
				flagged = true
				continue
			}
		case isInvisible(r):
			flagged = true
			continue
		}
		b.WriteRune(r)
		previous = r
	}
	return b.String(), flagged
}

// maxGap bounds a run of spaces and tabs: enough for an indented example, too
// little to push text out of sight.
const maxGap = 8

// tidy removes space that nobody needs.
func tidy(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	var gap []byte // not written yet, since it may end the line
	breaks := 2    // so that the text starts without an empty line
	for _, r := range s {
		switch r {
		case ' ', '\t':
			if len(gap) < maxGap {
				gap = append(gap, byte(r))
			}
		case '\n':
			gap = gap[:0]
			if breaks++; breaks <= 2 {
				b.WriteByte('\n')
			}
		default:
			b.Write(gap)
			b.WriteRune(r)
			gap, breaks = gap[:0], 0
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// Cut shortens s to at most that many characters, the last of which is then "…".
// With most 0 or less there is no limit.
func Cut(s string, most int) string {
	if most <= 0 || len(s) <= most || utf8.RuneCountInString(s) <= most {
		return s
	}
	n := 0
	for i := range s {
		if n++; n == most {
			return strings.TrimRight(s[:i], " \n") + "…"
		}
	}
	return s
}
