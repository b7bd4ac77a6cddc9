// Package clean disarms foreign text: what it returns can be shown to a person
// at a terminal and to a model.
package clean

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text makes text of an upstream harmless to show to a person at a terminal
// and to a model, keeping its lines. It removes what acts instead of being
// read, or is there without being seen: terminal escape sequences, control
// characters, bidirectional overrides, and invisible characters, in which
// instructions to a model can be hidden. Joiners and variation selectors stay
// where scripts and emoji need them. Space at the ends of lines, empty lines
// beyond one, and long runs of spaces are taken out.
//
// The result has at most that many characters, the last of them "…" if it was
// cut; 0 is no limit. flagged reports that something was removed that honest text
// does not hold.
func Text(s string, most int) (clean string, flagged bool) {
	clean, flagged = harmless(s)
	return Cut(tidy(clean), most), flagged
}

// Line is Text for one line: line breaks and tabs become spaces, and
// runs of spaces one.
func Line(s string, most int) string {
	if (most <= 0 || len(s) <= most) && isPlainLine(s) {
		return s
	}
	clean, _ := harmless(enough(s, most))
	return Cut(strings.Join(strings.Fields(clean), " "), most)
}

// FirstSentence returns the first sentence of a text as one clean line of at
// most that many characters, for lists in which a tool or server has one line.
// Headings are passed over if anything else is there.
func FirstSentence(s string, most int) string {
	text, _ := Text(enough(s, most), 0)
	heading := ""
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		for strings.HasPrefix(paragraph, "#") {
			var line string
			line, paragraph, _ = strings.Cut(paragraph, "\n")
			if heading == "" {
				heading = strings.TrimSpace(strings.Trim(line, "#"))
			}
		}
		if line := Line(paragraph, 0); line != "" {
			return Cut(line[:sentenceEnd(line)], most)
		}
	}
	return Line(heading, most)
}

// enough returns the beginning of s, of which far more can be removed than
// usual without fewer than most characters being left.
func enough(s string, most int) string {
	if n := 64 * most; most > 0 && len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// sentenceEnd returns where the first sentence of a line ends: at a mark that
// is followed by a space and the beginning of another sentence.
func sentenceEnd(line string) int {
	for i, r := range line {
		next := i + utf8.RuneLen(r)
		if r == '。' || r == '！' || r == '？' {
			return next
		}
		if r != '.' && r != '!' && r != '?' || !strings.HasPrefix(line[next:], " ") {
			continue
		}
		after, _ := utf8.DecodeRuneInString(line[next+1:])
		word := line[strings.LastIndexByte(line[:i], ' ')+1 : i]
		abbreviated := strings.Contains(word, ".") || word == "vs" || word == "etc" // as in "e.g."
		if !unicode.IsLower(after) && !abbreviated {
			return next
		}
	}
	return len(line)
}

// isPlainLine reports whether there is nothing to clean, which is the rule.
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

// harmless drops and replaces characters, and reports whether one was of the
// dangerous kind.
func harmless(s string) (clean string, flagged bool) {
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
				continue // one sign for a run of broken bytes
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

// escapeSequence returns the length of the terminal escape sequence (ECMA-48)
// that s begins with, or 0.
func escapeSequence(s string) int {
	introducer, n := byte(0), 0
	switch {
	case len(s) >= 2 && s[0] == 0x1b:
		introducer, n = s[1], 2
	case len(s) >= 2 && s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0: // the same as one C1 character
		introducer, n = s[1]-0x40, 2
	}
	switch introducer {
	case '[': // CSI: parameters, then one final byte
		for n < len(s) && s[n] >= 0x20 && s[n] < 0x40 {
			n++
		}
		if n < len(s) && s[n] >= 0x40 && s[n] < 0x7f {
			n++
		}
		return n
	case ']', 'P', 'X', '^', '_': // OSC, DCS, SOS, PM, APC: a string up to BEL or ST
		for i := n; i < len(s) && s[i] != '\n'; i++ {
			switch {
			case s[i] == 0x07:
				return i + 1
			case strings.HasPrefix(s[i:], "\x1b\\"), strings.HasPrefix(s[i:], "\u009c"):
				return i + 2
			}
		}
		return n // not ended: its text is shown, without the power to act
	}
	return 0
}

// isInvisible reports whether r is not meant to be seen: controls, and what
// Unicode calls format characters (soft hyphen, marks and overrides of
// direction, zero-width space, tags), with some letters that have no shape.
func isInvisible(r rune) bool {
	switch r {
	case '\u034f', '\u115f', '\u1160', '\u17b4', '\u17b5', '\u2800', '\u3164', '\uffa0':
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Noncharacter_Code_Point) || r >= 0xe0000 && r <= 0xe0fff
}

// isSelector reports whether r chooses between shapes of the rune before it.
func isSelector(r rune) bool { return unicode.Is(unicode.Variation_Selector, r) }

// modifiable reports whether a variation selector makes sense after previous:
// one, after a symbol, an ideograph or a keycap's digit. Runs of them, which
// can carry any hidden text, do not.
func modifiable(previous, selector rune) bool {
	switch {
	case selector == '\ufe0e' || selector == '\ufe0f':
		return unicode.IsSymbol(previous) || unicode.IsPunct(previous) || '0' <= previous && previous <= '9'
	case selector < '\ufe00': // Mongolian
		return unicode.Is(unicode.Mongolian, previous)
	}
	return unicode.Is(unicode.Han, previous)
}

// joinable reports whether a joiner next to r can show: inside scripts whose
// letters join, and between the parts of an emoji.
func joinable(r rune) bool {
	if unicode.Is(unicode.Latin, r) || r < utf8.RuneSelf {
		return false
	}
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsSymbol(r)
}

// maxGap is what a run of spaces and tabs is cut to: enough for an indented
// example, too little to push text out of sight.
const maxGap = 8

// tidy takes out space that nobody needs.
func tidy(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	var gap []byte // not yet written: it may end the line
	breaks := 2    // no empty line at the start
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

// Cut shortens to most characters, "…" included; 0 is no limit.
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
