package raw_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"mcpproxy/upstream/raw"
)

var notQuiteJSON = []string{
	``, ` `, `1 2`, `[`, `]`, `{`, `}`, `[1`, `[1,`, `[1,]`, `[,1]`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`, `{a:1}`, `{1:1}`, `[}`, `{]`,
	`[1}`, `{"a":1]`, `tru`, `truex`, `nul`, `NaN`, `-`, `01`, `1.`, `.1`, `1e`, `1e+`, `+1`, `0x1`, `1_0`, `"`, `"a`, `"\`, `"\"`, `"\x"`, `"\u12"`, `"\u12G4"`, "\"a\nb\"", "\"\x00\"",
	"\ufeff{}", `'a'`, `{"a" 1}`, `{"a"::1}`, `[1 2]`, `//`, `"abcdefgh` + "\x1f" + `"`, strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001),
}

var quiteJSON = []string{
	`null`, ` true `, ` { "id" : 1 , "method":"m","params":{},"result":[1],"error":null,"idx":2,"id" :"x"} `, `{"id":1}x`[:8], "\t[\r\n]\n", `{}`, `[[],{},[{}]]`, `{"a":{"b":[1,-0,0.5e-7,1E+9]},"a":"\u00e9\ud800\/\b"}`, `"abcdefg\"hijklmnop\\"`, "\"\xff\xc3(\x7f\"",
	strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), `"` + strings.Repeat("é", 100) + `"`, `-12345678901234567890.5`, `[` + strings.Repeat(`{"k":"v"},`, 100) + `0]`,
}

func TestValid(t *testing.T) {
	t.Parallel()
	for _, text := range notQuiteJSON {
		if raw.Valid([]byte(text)) {
			t.Errorf("%.60q is valid", text)
		}
	}
	for _, text := range quiteJSON {
		if !raw.Valid([]byte(text)) {
			t.Errorf("%.60q is not valid", text)
		}
	}
}

// FuzzValid compares with encoding/json, also for each text with one byte
// changed and for its beginnings.
func FuzzValid(f *testing.F) {
	for _, text := range append(notQuiteJSON, quiteJSON...) {
		f.Add([]byte(text), 0, byte('"'))
	}
	f.Fuzz(func(t *testing.T, text []byte, at int, instead byte) {
		compare := func(text []byte) {
			e, ok := raw.OpenValid(text)
			if want := json.Valid(text) && raw.IsObject(text); ok != want {
				t.Fatalf("%q: an object: %v, want %v", text, ok, want)
			} else if ok && !reflect.DeepEqual(e, raw.Open(text)) {
				t.Fatalf("%q: %+v", text, e)
			}
			if got, want := raw.Valid(text), json.Valid(text); got != want {
				t.Fatalf("%q: %v, want %v", text, got, want)
			}
		}
		compare(text)
		if len(text) > 0 {
			i := max(0, at%len(text))
			compare(text[:i])
			text[i] = instead
			compare(text)
		}
	})
}

func BenchmarkValid(b *testing.B) {
	for name, words := range map[string]string{"plain": "words of a result ", "escaped": `{"id":1,"name":"x"}, `} {
		text := []byte(`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":` + raw.Quote(strings.Repeat(words, 60_000)) + `}]}}`)
		objects := []byte(`[` + strings.Repeat(`{"id":12345,"name":"x","open":true},`, 30_000) + `0]`)
		for what, text := range map[string][]byte{"/text": text, "/objects": objects} {
			b.Run(name+what, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					raw.Valid(text)
				}
			})
			b.Run(name+what+"/encoding-json", func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					json.Valid(text)
				}
			})
		}
	}
}
