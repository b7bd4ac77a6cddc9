package clean

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// escapeSequence returns the length of the terminal escape sequence (ECMA-48)
// that s begins with, or 0.
func escapeSequence(s string) int {
	introducer, n := byte(0), 0
	switch {
	case len(s) >= 2 && s[0] == 0x1b:
		introducer, n = s[1], 2
	case len(s) >= 2 && s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0: // one C1 character in UTF-8
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
		return n // it has no end, so its text stays
	}
	return 0
}

// isInvisible reports whether r has no shape: controls, Unicode's format characters
// (soft hyphen, marks and overrides of direction, zero-width space, tags),
// noncharacters, and a few letters.
func isInvisible(r rune) bool {
	switch r {
	case '\u034f', '\u115f', '\u1160', '\u17b4', '\u17b5', '\u2800', '\u3164', '\uffa0':
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Noncharacter_Code_Point) || r >= 0xe0000 && r <= 0xe0fff
}

// isSelector reports whether r selects a variant of the rune before it.
func isSelector(r rune) bool { return unicode.Is(unicode.Variation_Selector, r) }

// modifiable reports whether previous has variants: a symbol, an ideograph or the
// digit of a keycap. A selector has none, because runs of selectors can carry
// hidden text.
func modifiable(previous, selector rune) bool {
	switch {
	case selector == '\ufe0e' || selector == '\ufe0f':
		return unicode.IsSymbol(previous) || unicode.IsPunct(previous) || '0' <= previous && previous <= '9'
	case selector < '\ufe00': // Mongolian
		return unicode.Is(unicode.Mongolian, previous)
	}
	return unicode.Is(unicode.Han, previous)
}

// joinable reports whether a joiner beside r has an effect: r is a letter of a
// script whose letters join, or a part of an emoji.
func joinable(r rune) bool {
	if unicode.Is(unicode.Latin, r) || r < utf8.RuneSelf {
		return false
	}
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsSymbol(r)
}
