package raw

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

var errEscape = errors.New("a JSON string has an escape that is none")

// Unescape writes the text of a string that is given with its quotes, without
// holding a copy of it. What is not UTF-8, and half of a pair of surrogates,
// becomes U+FFFD, as in encoding/json. The error is w's, or says that an
// escape is none; what stands before it may have been written.
func Unescape(w io.Writer, quoted []byte) error {
	out := bufio.NewWriter(w)
	for s := inside(quoted); len(s) > 0; {
		at := bytes.IndexByte(s, '\\')
		if at < 0 {
			at = len(s)
		}
		if err := writeUTF8(out, s[:at]); err != nil {
			return err
		}
		if s = s[at:]; len(s) == 0 {
			break
		}
		r, n := escape(s)
		if n == 0 {
			return errEscape
		}
		if _, err := out.WriteRune(r); err != nil {
			return err
		}
		s = s[n:]
	}
	return out.Flush()
}

// escape decodes the escape with which s begins (RFC 8259, section 7) and
// returns its length, 0 if it is none.
func escape(s []byte) (r rune, n int) {
	if len(s) < 2 {
		return 0, 0
	}
	if i := bytes.IndexByte([]byte(`"\/bfnrt`), s[1]); i >= 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), 2
	}
	high, ok := CodeUnit(s)
	if !ok {
		return 0, 0
	}
	if utf16.IsSurrogate(high) {
		low, _ := CodeUnit(s[6:])
		if r := utf16.DecodeRune(high, low); r != utf8.RuneError {
			return r, 12
		}
		return utf8.RuneError, 6
	}
	return high, 6
}

// CodeUnit decodes the \uXXXX with which s begins (RFC 8259, section 7). ok is false if
// it begins with none.
func CodeUnit(s []byte) (unit rune, ok bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s[2:6]), 16, 16)
	return rune(n), err == nil
}

// WriteUTF8 writes text with U+FFFD for each byte that is not UTF-8, as
// encoding/json reads it, without holding a copy. The error is w's.
func WriteUTF8(w io.Writer, text []byte) error {
	if utf8.Valid(text) {
		_, err := w.Write(text)
		return err
	}
	out := bufio.NewWriterSize(w, 64<<10)
	if err := writeUTF8(out, text); err != nil {
		return err
	}
	return out.Flush()
}

const replacement = "\uFFFD"

// writeUTF8 does the work of WriteUTF8 in many small writes.
func writeUTF8(w *bufio.Writer, text []byte) error {
	for {
		n := validUTF8(text)
		if _, err := w.Write(text[:n]); err != nil {
			return err
		}
		if text = text[n:]; len(text) == 0 {
			return nil
		}
		if _, err := w.WriteString(replacement); err != nil {
			return err
		}
		text = text[1:]
	}
}

// validUTF8 returns how many bytes text begins with that are UTF-8.
func validUTF8(text []byte) int {
	if utf8.Valid(text) {
		return len(text)
	}
	i := 0
	for i < len(text) {
		// A piece at a time, most of which are valid.
		if end := min(i+64, len(text)); utf8.Valid(text[i:end]) {
			i = end
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		i += size
	}
	return i
}

// Quote returns s as a string, with the escapes that HTML needs.
func Quote(s string) string {
	b, _ := json.Marshal(s) // a string always has an encoding
	return string(b)
}

// Encode writes v for a model to read: without space between values, and
// without the escapes that only HTML needs. It panics if v has no JSON form.
func Encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
