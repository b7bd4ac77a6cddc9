package results

import (
	"bytes"
	"unicode/utf16"

	"mcpproxy/upstream/raw"
)

// mendSurrogates writes U+FFFD over each escaped half of a surrogate pair that stands
// alone, as JavaScript writes the end of a text that it cut within a character.
// Parsers that hold strings as UTF-8 refuse the whole message for one (RFC 8259,
// section 8.2). It changes the text in place, since the escapes are of one length.
func mendSurrogates(text []byte) {
	if !bytes.Contains(text, []byte(`\ud`)) && !bytes.Contains(text, []byte(`\uD`)) {
		return
	}
	for i := 0; ; {
		next := bytes.IndexByte(text[i:], '\\')
		if next < 0 {
			return
		}
		i += next
		unit, ok := raw.CodeUnit(text[i:])
		switch {
		case !ok:
			i += 2
			if i >= len(text) {
				return
			}
			continue
		case utf16.IsSurrogate(unit):
			if low, ok := raw.CodeUnit(text[i+6:]); ok && utf16.DecodeRune(unit, low) != '\uFFFD' {
				i += 6
			} else {
				copy(text[i:], `\ufffd`)
			}
		}
		i += 6
	}
}
