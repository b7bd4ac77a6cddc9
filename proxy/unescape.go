package proxy

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// pieceSize is how much of a JSON string is decoded at a time, in bytes.
const pieceSize = 32 << 10

// unescape writes the text of a JSON string, which is given with its quotes,
// without ever holding a copy of it.
func unescape(w io.Writer, quoted []byte) error {
	for s := inside(quoted); len(s) > 0; {
		n := pieceEnd(s)
		piece := s[:n]
		if s = s[n:]; bytes.IndexByte(piece, '\\') >= 0 || !utf8.Valid(piece) {
			var text string
			if err := json.Unmarshal(slices.Concat([]byte{'"'}, piece, []byte{'"'}), &text); err != nil {
				return err
			}
			piece = []byte(text)
		}
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

// unescapedLen returns how many bytes unescape writes.
func unescapedLen(quoted []byte) int {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return len(inside(quoted))
	}
	c := counter{w: io.Discard}
	_ = unescape(&c, quoted) // what cannot be decoded has no length
	return int(c.n)
}

func inside(quoted []byte) []byte {
	if len(quoted) < 2 {
		return nil
	}
	return quoted[1 : len(quoted)-1]
}

// pieceEnd returns where a piece of the string may end: not within a
// character, an escape or a pair of surrogates.
func pieceEnd(s []byte) int {
	if len(s) <= pieceSize {
		return len(s)
	}
	i := 0
	for i < pieceSize {
		at := bytes.IndexByte(s[i:pieceSize], '\\')
		if at < 0 {
			i = pieceSize
			break
		}
		i = escapeEnd(s, i+at)
	}
	for i < len(s) && !utf8.RuneStart(s[i]) {
		i++
	}
	return min(i, len(s))
}

// escapeEnd returns the index after the escape at i, or after both of a pair
// of surrogates (RFC 8259, section 7).
func escapeEnd(s []byte, i int) int {
	if i+1 >= len(s) || s[i+1] != 'u' {
		return i + 2
	}
	i += 6
	if i > len(s) {
		return i
	}
	unit, _ := strconv.ParseUint(string(s[i-4:i]), 16, 16)
	if utf16.IsSurrogate(rune(unit)) && bytes.HasPrefix(s[i:], []byte(`\u`)) {
		return i + 6
	}
	return i
}
