package raw_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"mcpproxy/upstream/raw"
)

// FuzzWalk checks that a walk finds what Members and Elements do, and that it ends
// on any text.
func FuzzWalk(f *testing.F) {
	for _, s := range []string{`{"a":[1, {"b":"}"}],"a" : null }`, ` [ {"x":[]} , 2]`, `{}`, `[]`, `{"a"`, `[1,`, `{"a":1,}`, `[,]`, `[}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		begin := bytes.IndexAny(text, "{[")
		if begin < 0 {
			return
		}
		var got, want []string
		note := func(key []byte, at int) int {
			end := raw.Skip(text, at)
			got = append(got, string(key)+"="+string(text[at:max(at, end)]))
			return end
		}
		walk := func() int { return raw.WalkArray(text, begin, func(at int) int { return note(nil, at) }) }
		if text[begin] == '{' {
			walk = func() int { return raw.WalkObject(text, begin, note) }
		}
		end := walk()
		if !json.Valid(text) {
			return
		}
		for key, at := range raw.Members(text[begin:]) {
			want = append(want, string(key)+"="+string(at.In(text[begin:])))
		}
		for at := range raw.Elements(text[begin:]) {
			want = append(want, "="+string(at.In(text[begin:])))
		}
		if raw.IsObject(text) || bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
			if !slices.Equal(got, want) || end != len(bytes.TrimRight(text, " \t\r\n")) {
				t.Errorf("%q: got %q up to %d, want %q", text, got, end, want)
			}
		}
	})
}

// FuzzMapStrings checks that strings that stay keep their bytes, and that what is
// written for others is read again.
func FuzzMapStrings(f *testing.F) {
	for _, s := range append(objects, `"\u0061"`, `["a\/b",{"k":"v"}]`, `7`) {
		f.Add([]byte(s), "new \"text\"")
	}
	f.Fuzz(func(t *testing.T, value []byte, text string) {
		if !json.Valid(value) {
			return
		}
		if got := raw.MapStrings(value, func(s string) string { return s }); !bytes.Equal(got, value) {
			t.Errorf("%q became %q", value, got)
		}
		n := 0
		got := raw.MapStrings(value, func(string) string { n++; return text })
		if !json.Valid(got) {
			t.Fatalf("%q became %q", value, got)
		}
		left := 0
		raw.MapStrings(got, func(s string) string {
			if left++; s != strings.ToValidUTF8(text, "\uFFFD") && s != string([]rune(text)) {
				t.Errorf("%q became %q, in which %q", value, got, s)
			}
			return s
		})
		if n != left {
			t.Errorf("%q: %d strings became %d", value, n, left)
		}
	})
}
