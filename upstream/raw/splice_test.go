package raw

import (
	"encoding/json"
	"testing"
)

// Splicing keeps valid objects valid, and never reads past their end.
func FuzzSplice(f *testing.F) {
	for _, seed := range []string{`{"_meta":{"x":[ 1 ]},"content":[{"type":"hologram","n":12345678901234567890,"text":"\u003c&>é"}], "isError":true}`, "{\n \"content\": [],\r\n\t\"x\": \"\\n\"\n}", `{}`, ` { "\u005fmeta" : { } }`, `{"_meta":null}`, `{"a":"}","_meta":{"k":[1]}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		object, err := OneLine(in)
		if err != nil {
			return
		}
		out := SpliceMeta(Splice(object, `"resultType":"complete"`), map[string]string{"note": `"n"`})
		if !json.Valid(in) {
			return
		}
		var before, after map[string]json.RawMessage
		if json.Unmarshal(in, &before) != nil || json.Unmarshal(out, &after) != nil {
			t.Fatalf("%s: not an object: %s", in, out)
		}
		for key := range before {
			if key != "_meta" && key != "resultType" && after[key] == nil {
				t.Errorf("%s: lost %q: %s", in, key, out)
			}
		}
	})
}
