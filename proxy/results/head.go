package results

import (
	"strings"
	"unicode/utf8"
)

// A prefix keeps the first room bytes of what is written to it.
type prefix struct {
	room int
	data []byte
}

func (p *prefix) Write(b []byte) (int, error) {
	n := min(len(b), p.room-len(p.data))
	p.data = append(p.data, b[:n]...)
	return len(b), nil
}

// cutText removes the last character of a text that was cut if it is not whole.
// It ends JSON after a comma between two values if one is in the second half.
func cutText(s string, cut bool) string {
	if !cut {
		return s
	}
	for i := len(s) - 1; i >= max(0, len(s)-utf8.UTFMax); i-- {
		if utf8.RuneStart(s[i]) {
			if !utf8.FullRuneInString(s[i:]) {
				s = s[:i]
			}
			break
		}
	}
	if first := strings.TrimLeft(s, " \t\r\n"); strings.HasPrefix(first, "{") || strings.HasPrefix(first, "[") {
		if i := lastComma(s); i > len(s)/2 {
			return s[:i]
		}
	}
	return s
}

// lastComma returns the index after the last comma outside of a JSON string.
func lastComma(s string) int {
	last, inString := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case inString && s[i] == '\\':
			i++
		case s[i] == '"':
			inString = !inString
		case !inString && s[i] == ',':
			last = i + 1
		}
	}
	return last
}
