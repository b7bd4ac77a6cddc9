package results

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// Half a surrogate pair makes some hosts refuse the whole message.
func TestHalfPairsAreMended(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`cut \ud83d`: `cut \ufffd`, `\uDE00`: `\ufffd`, `\uD83D\uDE00\ud83d\ude00`: `\uD83D\uDE00\ud83d\ude00`,
		`\ud83d\ud83d\ude00`: `\ufffd\ud83d\ude00`, `\ude00\ud83dx`: `\ufffd\ufffdx`, `\ud83d\n`: `\ufffd\n`,
		`\\ud83d \\\ud83d`: `\\ud83d \\\ufffd`, `caf\u00e9 \uD7FF \uE000`: `caf\u00e9 \uD7FF \uE000`,
	} {
		got, err := Accept(t.Context(), json.RawMessage(`{"content":[{"type":"text","text":"`+in+`"}]}`))
		if want = `{"content":[{"type":"text","text":"` + want + `"}]}`; err != nil || got.Notes != nil || string(got.JSON) != want {
			t.Errorf("%s\n got %+v, %v\nwant %s", in, got, err, want)
		}
	}
}

// What readers that forgive make of a text stays the same.
func FuzzMendSurrogates(f *testing.F) {
	for _, seed := range []string{`"\ud83d"`, `"\\ud83d\ude00"`, `"\uD83D\uDE00"`, `\`, `\u`, `"\ud8`, `"\ud83d\`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		out := bytes.Clone(in)
		mendSurrogates(out)
		var before, after string
		if len(out) != len(in) || !utf8.Valid(in) || json.Unmarshal(in, &before) != nil {
			return
		}
		if err := json.Unmarshal(out, &after); err != nil || before != after {
			t.Fatalf("%q became %q: %v", in, out, err)
		}
		again := bytes.Clone(out)
		if mendSurrogates(again); !bytes.Equal(again, out) {
			t.Errorf("%q became %q, which becomes %q", in, out, again)
		}
	})
}
