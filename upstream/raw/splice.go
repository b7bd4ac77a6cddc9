package raw

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
)

// Splice returns the object with the members put first, each written as
// "name":value. All other bytes stay as they are. The object must be one, see
// [IsObject].
func Splice(object []byte, members ...string) []byte {
	if len(members) == 0 {
		return object
	}
	rest := object[skipSpace(object, 0)+1:]
	out := make([]byte, 0, len(object)+64*len(members))
	out = append(out, '{')
	for i, m := range members {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, m...)
	}
	if i := skipSpace(rest, 0); i < len(rest) && rest[i] != '}' {
		out = append(out, ',')
	}
	return append(out, rest...)
}

// SpliceMeta returns the result with those of the members, values by name,
// that its _meta does not have yet. A result whose _meta is no object is
// returned as it is. The result must be an object.
func SpliceMeta(result []byte, members map[string]string) []byte {
	start, end := Find(result, "_meta")
	meta := []byte("{}")
	if start >= 0 {
		meta = result[start:end]
	}
	if !IsObject(meta) {
		return result
	}
	var missing []string
	for name, value := range members {
		if at, _ := Find(meta, name); at < 0 {
			missing = append(missing, Quote(name)+":"+value)
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

var errNoObject = errors.New("the answer is not a JSON object")

// OneLine returns the object without line breaks, which would end the line
// that it is sent in (MCP 2025-11-25, basic/transports, stdio). An object
// without any is returned as it is; in another all space between values is
// left out. The error says that it is no object or no JSON.
func OneLine(object []byte) ([]byte, error) {
	if !IsObject(object) {
		return nil, errNoObject
	}
	// Valid JSON has no line breaks inside strings (RFC 8259, section 7).
	if bytes.IndexByte(object, '\n') < 0 && bytes.IndexByte(object, '\r') < 0 {
		return object, nil
	}
	var b bytes.Buffer
	if err := json.Compact(&b, object); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// MapStrings returns the value with what f makes of each of its strings, names of
// members too. Strings that f leaves as they are keep their bytes. The value must be
// valid JSON.
func MapStrings(value []byte, f func(string) string) []byte {
	var out []byte
	last := 0
	for i := bytes.IndexByte(value, '"'); i >= 0; {
		end := skipString(value, i)
		var s string
		if json.Unmarshal(value[i:end], &s) == nil {
			if mapped := f(s); mapped != s {
				out = append(append(out, value[last:i]...), Encode(mapped)...)
				last = end
			}
		}
		next := bytes.IndexByte(value[end:], '"')
		if next < 0 {
			break
		}
		i = end + next
	}
	return append(out, value[last:]...)
}
