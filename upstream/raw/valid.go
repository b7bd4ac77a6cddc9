package raw

import (
	"encoding/binary"
	"math/bits"
)

// MaxLevels is how deep a valid text may be nested, as in encoding/json.
const MaxLevels = 10_000

// Valid reports what [json.Valid] does, in a fraction of the time: whether text
// is one JSON value (RFC 8259), nested at most ten thousand levels deep. What is
// inside strings need not be UTF-8.
func Valid(text []byte) bool {
	var v validator
	end, ok := v.whole(text, skipSpace(text, 0))
	return ok && skipSpace(text, end) == len(text)
}

// OpenValid is [Valid] and [Open] at once. It reports false too if the message is
// no object.
func OpenValid(message []byte) (e Envelope, ok bool) {
	v := validator{depth: 1}
	i := skipSpace(message, 0)
	if i >= len(message) || message[i] != '{' {
		return e, false
	}
	i = skipSpace(message, i+1)
	if i < len(message) && message[i] == '}' {
		return e, skipSpace(message, i+1) == len(message)
	}
	for {
		start, ok := key(message, i)
		if !ok {
			return e, false
		}
		end, ok := v.whole(message, start)
		if !ok {
			return e, false
		}
		e.set(message[i:start], message[start:end:end])
		if i = skipSpace(message, end); i >= len(message) {
			return e, false
		}
		switch message[i] {
		case ',':
			i = skipSpace(message, i+1)
		case '}':
			return e, skipSpace(message, i+1) == len(message)
		default:
			return e, false
		}
	}
}

// A validator knows in which arrays and objects a place in a text is.
type validator struct {
	depth  int
	object [MaxLevels/64 + 1]uint64 // a bit for each level, set if it is an object
}

// whole reads the value that begins at i and returns the index after it.
func (v *validator) whole(b []byte, i int) (end int, ok bool) {
	outside := v.depth
	for more := true; more; {
		if i, ok = v.value(b, i); !ok {
			return i, false
		}
		if i, more, ok = v.after(b, i, outside); !ok {
			return i, false
		}
	}
	return i, true
}

// value reads the value that begins at i, up to the first value inside it if it
// has any, and returns the index after that.
func (v *validator) value(b []byte, i int) (int, bool) {
	for i < len(b) {
		switch c := b[i]; c {
		case '"':
			return validString(b, i)
		case '{', '[':
			if v.depth == MaxLevels {
				return i, false
			}
			v.open(c == '{')
			i = skipSpace(b, i+1)
			if i < len(b) && b[i] == c+2 { // the bracket that closes it
				v.depth--
				return i + 1, true
			}
			if c == '{' {
				var ok bool
				if i, ok = key(b, i); !ok {
					return i, false
				}
			}
		case 't':
			return literal(b, i, "true")
		case 'f':
			return literal(b, i, "false")
		case 'n':
			return literal(b, i, "null")
		default:
			return number(b, i)
		}
	}
	return i, false
}

func (v *validator) open(object bool) {
	v.depth++
	bit := uint64(1) << (v.depth % 64)
	v.object[v.depth/64] &^= bit
	if object {
		v.object[v.depth/64] |= bit
	}
}

// after reads what follows a value, up to the end of what is not outside, and
// reports whether another value does.
func (v *validator) after(b []byte, i, outside int) (next int, more, ok bool) {
	for v.depth > outside {
		if i = skipSpace(b, i); i >= len(b) {
			return i, false, false
		}
		object := v.object[v.depth/64]>>(v.depth%64)&1 == 1
		switch c := b[i]; {
		case c == ',' && object:
			next, ok := key(b, skipSpace(b, i+1))
			return next, true, ok
		case c == ',':
			return skipSpace(b, i+1), true, true
		case c == '}' && object, c == ']' && !object:
			v.depth--
			i++
		default:
			return i, false, false
		}
	}
	return i, false, true
}

// key reads a member's name and the colon behind it, and returns the index of
// its value.
func key(b []byte, i int) (int, bool) {
	if i >= len(b) || b[i] != '"' {
		return i, false
	}
	i, ok := validString(b, i)
	i = skipSpace(b, i)
	if !ok || i >= len(b) || b[i] != ':' {
		return i, false
	}
	return skipSpace(b, i+1), true
}

func literal(b []byte, i int, word string) (int, bool) {
	end := i + len(word)
	return end, end <= len(b) && string(b[i:end]) == word
}

// number reads a number (RFC 8259, section 6).
func number(b []byte, i int) (int, bool) {
	if i < len(b) && b[i] == '-' {
		i++
	}
	whole := digits(b, i)
	if whole == i || whole > i+1 && b[i] == '0' {
		return i, false
	}
	i = whole
	if i < len(b) && b[i] == '.' {
		fraction := digits(b, i+1)
		if fraction == i+1 {
			return i, false
		}
		i = fraction
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		exponent := digits(b, i)
		if exponent == i {
			return i, false
		}
		i = exponent
	}
	return i, true
}

// digits returns the index after the digits at i.
func digits(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}

// validString returns the index after the string that begins at i.
func validString(b []byte, i int) (int, bool) {
	for i = special(b, i+1); i < len(b); i = special(b, i) {
		switch {
		case b[i] == '"':
			return i + 1, true
		case b[i] != '\\' || i+1 >= len(b):
			return i, false
		}
		switch b[i+1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			i += 2
		case 'u':
			if _, ok := CodeUnit(b[i:]); !ok {
				return i, false
			}
			i += 6
		default:
			return i, false
		}
	}
	return i, false
}

// special returns the index of the first byte at or after i that does not stand
// for itself in a string, a quote, a backslash or a control character, or an index
// after the end. It looks at eight bytes at a time.
func special(b []byte, i int) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		quote, slash := x^ones*'"', x^ones*'\\'
		// The high bit of the first byte that is zero, or below a space, is set in
		// these, and none below it.
		found := ((quote-ones)&^quote | (slash-ones)&^slash | (x-ones*' ')&^x) & highs
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}
