package raw

import (
	"bytes"
	"encoding/json"
	"iter"
	"slices"
)

// A Span is a place in a text: from the byte at Start up to the one before End.
type Span struct{ Start, End int }

// In returns the span's bytes, which share the memory of text. Appending to
// them never changes text.
func (s Span) In(text []byte) []byte { return text[s.Start:s.End:s.End] }

// IsObject reports whether a value begins as an object does.
func IsObject(value []byte) bool { return begins(value, '{') }

func begins(value []byte, with byte) bool {
	i := skipSpace(value, 0)
	return i < len(value) && value[i] == with
}

// Members returns the members of an object in their order: each key as it is
// written, with its quotes, and the place of its value. A member that stands
// twice comes twice. What is no object has no members.
func Members(object []byte) iter.Seq2[[]byte, Span] {
	return func(yield func([]byte, Span) bool) {
		if !IsObject(object) {
			return
		}
		i := skipSpace(object, skipSpace(object, 0)+1)
		for i < len(object) && object[i] == '"' {
			key := Span{i, skipString(object, i)}
			start := skipSpace(object, skipSpace(object, key.End)+1) // past the colon
			end := skipValue(object, start)
			if start >= end || !yield(key.In(object), Span{start, end}) {
				return
			}
			i = skipSpace(object, skipSpace(object, end)+1) // past the comma
		}
	}
}

// WalkObject calls f with each member of the object that begins at i: its key as it
// is written, and where its value begins. f returns where that ends, see [Skip], or
// a negative number, which ends the walk. WalkObject returns the index after the
// object, or that number.
func WalkObject(text []byte, i int, f func(key []byte, at int) (end int)) int {
	i = skipSpace(text, i+1)
	for i < len(text) && text[i] == '"' {
		key := Span{i, skipString(text, i)}
		at := skipSpace(text, skipSpace(text, key.End)+1) // past the colon
		if at >= len(text) {
			return len(text)
		}
		end := f(key.In(text), at)
		if end < 0 {
			return end
		}
		i = skipSpace(text, end)
		if i < len(text) && text[i] == ',' {
			i = skipSpace(text, i+1)
		}
	}
	return min(i+1, len(text)) // past the brace
}

// WalkArray is [WalkObject] for the elements of the array that begins at i.
func WalkArray(text []byte, i int, f func(at int) (end int)) int {
	i = skipSpace(text, i+1)
	for i < len(text) && text[i] != ']' {
		end := f(i)
		if end < 0 {
			return end
		}
		i = skipSpace(text, max(end, i+1))
		if i < len(text) && text[i] == ',' {
			i = skipSpace(text, i+1)
		}
	}
	return min(i+1, len(text)) // past the bracket
}

// Skip returns the index after the value that begins at i.
func Skip(text []byte, i int) int { return skipValue(text, i) }

// DeeperThan reports whether arrays and objects are nested deeper than levels.
// The text need not be valid.
func DeeperThan(text []byte, levels int) bool {
	depth := 0
	for i := 0; i < len(text); {
		switch text[i] {
		case '"':
			i = skipString(text, i)
			continue
		case '{', '[':
			if depth++; depth > levels {
				return true
			}
		case '}', ']':
			depth--
		}
		i++
	}
	return false
}

// Elements returns the places of an array's elements in their order. What is
// no array has none.
func Elements(array []byte) iter.Seq[Span] {
	return func(yield func(Span) bool) {
		if !begins(array, '[') {
			return
		}
		i := skipSpace(array, skipSpace(array, 0)+1)
		for i < len(array) && array[i] != ']' {
			end := skipValue(array, i)
			if i >= end || !yield(Span{i, end}) {
				return
			}
			i = skipSpace(array, skipSpace(array, end)+1) // past the comma
		}
	}
}

// Find returns the place of the value of an object's first member of that
// name, or -1 and -1. It reads no further than that member.
func Find(object []byte, key string) (start, end int) {
	for k, at := range Members(object) {
		if KeyIs(k, key) {
			return at.Start, at.End
		}
	}
	return -1, -1
}

// Member returns the value of an object's first member of that name, or nil.
func Member(object []byte, key string) []byte {
	if start, end := Find(object, key); start >= 0 {
		return Span{start, end}.In(object)
	}
	return nil
}

// PlainMembers sets the values of an object's members, in the order of the keys,
// which are given as they are written, with their quotes. A value stays nil without
// its member. It reports false if the object is none, has any other member, or one
// of these twice.
func PlainMembers(object []byte, values [][]byte, keys ...string) bool {
	if !IsObject(object) {
		return false
	}
	for key, at := range Members(object) {
		i := slices.Index(keys, string(key))
		if i < 0 || values[i] != nil {
			return false
		}
		values[i] = at.In(object)
	}
	return true
}

// KeyIs reports whether a key as it is written, quotes included, has that
// name. A key may be written with escapes.
func KeyIs(written []byte, name string) bool {
	if bytes.IndexByte(written, '\\') < 0 {
		return string(inside(written)) == name
	}
	var k string
	return json.Unmarshal(written, &k) == nil && k == name
}

// inside returns what is between the quotes of a string.
func inside(quoted []byte) []byte {
	if len(quoted) < 2 {
		return nil
	}
	return quoted[1 : len(quoted)-1]
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns the index after the value that begins at i.
func skipValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = skipString(b, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		default:
			i++
			if depth > 0 {
				continue
			}
			for i < len(b) && !endsScalar(b[i]) {
				i++
			}
		}
		if depth <= 0 {
			return i
		}
	}
	return i
}

// endsScalar reports whether c can stand after a number, true, false or null.
func endsScalar(c byte) bool {
	switch c {
	case ',', ']', '}', ' ', '\t', '\r', '\n':
		return true
	}
	return false
}

// closeLook is how many bytes are looked at closely before the next quote is
// searched for, which is faster only over long runs without one.
const closeLook = 64

// skipString returns the index after the string that begins at i.
func skipString(b []byte, i int) int {
	for i++; i < len(b); {
		near := b[:min(len(b), i+closeLook)]
		for i = special(near, i); i < len(near); i = special(near, i) {
			switch b[i] {
			case '"':
				return i + 1
			case '\\':
				i += 2
			default: // a control character, which is not valid here
				i++
			}
		}
		if i >= len(b) {
			break
		}
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			break
		}
		slashes := 0
		for slashes < n && b[i+n-1-slashes] == '\\' {
			slashes++
		}
		i += n + 1
		if slashes%2 == 0 {
			return i
		}
	}
	return len(b)
}
