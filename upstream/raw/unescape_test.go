package raw

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
)

func FuzzUnescape(f *testing.F) {
	for _, seed := range []string{`"a"`, `"\ud83d\ude00é\n\\\""`, `"\ud83d"`, `"` + strings.Repeat(`\ud83d\ude00é`, 100) + `"`, "\"\xff\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) < 2 || in[0] != '"' {
			return
		}
		var want string
		if json.Unmarshal(in, &want) != nil {
			_ = Unescape(io.Discard, in) // must not panic
			return
		}
		in = bytes.TrimSpace(in)
		var got bytes.Buffer
		if err := Unescape(&got, in); err != nil || got.String() != want {
			t.Errorf("%v\n got %q\nwant %q", err, got.String(), want)
		}
	})
}
