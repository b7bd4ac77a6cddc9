package raw

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"slices"
)

// Splice returns the object with the members ("key":value) put first; all
// other bytes stay as they were.
func Splice(object []byte, members ...string) []byte {
	if len(members) == 0 {
		return object
	}
	rest := object[skipSpace(object, 0)+1:]
	out := make([]byte, 0, len(object)+64*len(members))
	for i, m := range members {
		out = append(append(out, "{,"[min(i, 1)]), m...)
	}
	if i := skipSpace(rest, 0); i < len(rest) && rest[i] != '}' {
		out = append(out, ',')
	}
	return append(out, rest...)
}

// SpliceMeta adds members to the result's _meta, unless they are there. A
// _meta that is no object is not ours to mend and is left alone.
func SpliceMeta(result []byte, members map[string]string) []byte {
	start, end := Find(result, "_meta")
	meta := []byte("{}")
	if start >= 0 {
		meta = result[start:end]
	}
	if meta[0] != '{' {
		return result
	}
	var missing []string
	for key, value := range members {
		if at, _ := Find(meta, key); at < 0 {
			missing = append(missing, Quote(key)+":"+value)
		}
	}
	if len(missing) == 0 {
		return result
	}
	slices.Sort(missing)
	meta = Splice(meta, missing...)
	if start < 0 {
		return Splice(result, `"_meta":`+string(meta))
	}
	return slices.Concat(result[:start], meta, result[end:])
}

// A Span is a place in a text.
type Span struct{ Start, End int }

// Members goes through a JSON object: keys as written, with their quotes,
// and the places of their values. It decodes nothing.
func Members(object []byte) iter.Seq2[[]byte, Span] {
	return func(yield func([]byte, Span) bool) {
		i := skipSpace(object, 0)
		if i >= len(object) || object[i] != '{' {
			return
		}
		for i = skipSpace(object, i+1); i < len(object) && object[i] == '"'; {
			key := Span{i, skipString(object, i)}
			start := skipSpace(object, skipSpace(object, key.End)+1) // past the colon
			end := skipValue(object, start)
			if start >= end || !yield(object[key.Start:key.End], Span{start, end}) {
				return
			}
			i = skipSpace(object, skipSpace(object, end)+1) // past the comma
		}
	}
}

// Elements goes through a JSON array, as eachMember does through an object.
func Elements(array []byte) iter.Seq[Span] {
	return func(yield func(Span) bool) {
		i := skipSpace(array, 0)
		if i >= len(array) || array[i] != '[' {
			return
		}
		for i = skipSpace(array, i+1); i < len(array) && array[i] != ']'; {
			end := skipValue(array, i)
			if i >= end || !yield(Span{i, end}) {
				return
			}
			i = skipSpace(array, skipSpace(array, end)+1) // past the comma
		}
	}
}

// Find returns the place of a member's value in a JSON object, or -1. It
// reads no more of the object than it must.
func Find(object []byte, key string) (start, end int) {
	for k, at := range Members(object) {
		if KeyIs(k, key) {
			return at.Start, at.End
		}
	}
	return -1, -1
}

// Member returns a member's value in a JSON object, nil if it is not there.
func Member(object []byte, key string) []byte {
	if start, end := Find(object, key); start >= 0 {
		return object[start:end]
	}
	return nil
}

// KeyIs reports whether a key as written, quotes included, is the one
// looked for, which may be hidden behind escapes.
func KeyIs(written []byte, key string) bool {
	if bytes.IndexByte(written, '\\') < 0 {
		return string(inside(written)) == key
	}
	var k string
	return json.Unmarshal(written, &k) == nil && k == key
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
			for i < len(b) && bytes.IndexByte([]byte(",]} \t\r\n"), b[i]) < 0 {
				i++
			}
		}
		if depth <= 0 {
			return i
		}
	}
	return i
}

// skipString returns the index after the string that begins at i.
func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// Quote returns s as a JSON string.
func Quote(s string) string {
	b, _ := json.Marshal(s) // a string always has an encoding
	return string(b)
}

var errNoObject = errors.New("the answer is not a JSON object")

// OneLine returns the object without line breaks, which would end the line
// that it is sent in; other bytes are not touched. Inside strings valid JSON
// has none.
func OneLine(object []byte) ([]byte, error) {
	if i := skipSpace(object, 0); i == len(object) || object[i] != '{' {
		return nil, errNoObject
	}
	if bytes.IndexByte(object, '\n') < 0 && bytes.IndexByte(object, '\r') < 0 {
		return object, nil
	}
	var b bytes.Buffer
	if err := json.Compact(&b, object); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Encode writes v as JSON for a model to read: without space, and without
// the escapes that only HTML needs.
func Encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		// Only a type that has no JSON form gets here, which no reply is.
		panic(err)
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
