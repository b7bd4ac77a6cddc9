package raw_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"mcpproxy/upstream/raw"
)

// Each target holds a function against encoding/json where the text is valid
// JSON, and checks for other texts that nothing panics.

var objects = []string{
	`{}`, `{"a":1}`, ` { "a" : [1,{"b":"]}"}] , "c\"d":"\\" , "e":-1.5e3 } `, `{"a":{"a":null},"a":true}`, `{"":""}`, `{"\u0061":"\ud83d"}`,
	`{"_meta":{"x":[ 1 ]},"content":[{"type":"hologram","n":12345678901234567890}], "isError":true}`, "{\n \"content\": [],\r\n\t\"x\": \"\\n\"\n}",
	` { "\u005fmeta" : { } }`, `{"_meta":null}`, `{"a":"}","_meta":{"k":[1]}}`, `[]`, `"x"`, ``, `{`, `{"a"`, `{"a":`, `{"a":"\`, "{\"\xff\":1}",
}

// A member is one as encoding/json reads it.
type member struct {
	name  string
	value json.RawMessage
}

// members reads the members of an object, in order and with those that stand
// twice. ok is false for what is no object.
func members(object []byte) (list []member, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(object))
	if t, err := dec.Token(); !json.Valid(object) || err != nil || t != json.Delim('{') {
		return nil, false
	}
	for dec.More() {
		var m member
		t, err := dec.Token()
		if err != nil || dec.Decode(&m.value) != nil {
			return nil, false
		}
		m.name, _ = t.(string)
		list = append(list, m)
	}
	return list, true
}

func FuzzMembers(f *testing.F) {
	for _, s := range objects {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var got []member
		for key, at := range raw.Members(in) {
			if len(key) == 0 || at.Start >= at.End || at.End > len(in) {
				t.Fatalf("%q: key %q at %v", in, key, at)
			}
			var name string
			if err := json.Unmarshal(key, &name); err != nil && json.Valid(in) {
				t.Fatalf("%q: key %q: %v", in, key, err)
			}
			got = append(got, member{name, at.In(in)})
		}
		if !json.Valid(in) {
			return
		}
		want, ok := members(in)
		if ok != raw.IsObject(in) || len(got) != len(want) {
			t.Fatalf("%q: object %v, members %q, want %q", in, raw.IsObject(in), got, want)
		}
		for i := range want {
			if got[i].name != want[i].name || !bytes.Equal(got[i].value, want[i].value) {
				t.Errorf("%q: member %q, want %q", in, got[i], want[i])
			}
		}
	})
}

func FuzzElements(f *testing.F) {
	for _, s := range []string{`[]`, ` [ ] `, `[1]`, `[1,"a]",{"b":[2]} , null]`, `[[],[[]]]`, `{}`, `1`, ``, `[`, `[,]`, `[1`, `["\`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var got []json.RawMessage
		for at := range raw.Elements(in) {
			if at.Start >= at.End || at.End > len(in) {
				t.Fatalf("%q: at %v", in, at)
			}
			got = append(got, at.In(in))
		}
		if !json.Valid(in) {
			return
		}
		var want []json.RawMessage
		_ = json.Unmarshal(in, &want) // none, if it is no array
		if len(got) != len(want) {
			t.Fatalf("%q: elements %q, want %q", in, got, want)
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("%q: element %q, want %q", in, got[i], want[i])
			}
		}
	})
}

func FuzzFind(f *testing.F) {
	for _, s := range objects {
		f.Add([]byte(s), "a")
		f.Add([]byte(s), "_meta")
	}
	f.Fuzz(func(t *testing.T, in []byte, name string) {
		start, end := raw.Find(in, name)
		got := raw.Member(in, name)
		if (start < 0) != (got == nil) || start >= 0 && !bytes.Equal(in[start:end], got) {
			t.Fatalf("%q: %q is at %d to %d and is %q", in, name, start, end, got)
		}
		if !utf8.Valid(in) || !utf8.ValidString(name) {
			return // the decoder changes such names
		}
		list, ok := members(in)
		if !ok {
			return
		}
		var want []byte
		for _, m := range list {
			if m.name == name {
				want = m.value
				break
			}
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%q: %q is %q, want %q", in, name, got, want)
		}
	})
}

func FuzzKeyIs(f *testing.F) {
	for _, s := range []string{`"a"`, `"\u0061"`, `"\\"`, `""`, `"`, ``, `"\ud83d\ude00"`, `"\x"`} {
		f.Add([]byte(s), "a")
	}
	f.Fuzz(func(t *testing.T, written []byte, name string) {
		got := raw.KeyIs(written, name)
		var want string
		if !utf8.Valid(written) || bytes.ContainsAny(written, " \t\r\n") || json.Unmarshal(written, &want) != nil || written[0] != '"' {
			return // no key as one is written
		}
		if got != (want == name) {
			t.Errorf("%q is %q: %v", written, name, got)
		}
	})
}

func FuzzSplice(f *testing.F) {
	for _, s := range objects {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if !raw.IsObject(in) {
			return
		}
		out := raw.Splice(in, `"first":1`, `"second":[2]`)
		want, ok := members(in)
		if !ok {
			return
		}
		got, ok := members(out)
		if !ok || len(got) != len(want)+2 || got[0].name != "first" || string(got[1].value) != "[2]" {
			t.Fatalf("%q became %q", in, out)
		}
		for i, m := range want {
			if got[i+2].name != m.name || !bytes.Equal(got[i+2].value, m.value) {
				t.Errorf("%q: %q became %q", in, m, got[i+2])
			}
		}
		if after := bytes.TrimLeft(in, " \t\r\n")[1:]; !bytes.HasSuffix(out, after) {
			t.Errorf("%q became %q", in, out)
		}
		if same := raw.Splice(in); !bytes.Equal(same, in) {
			t.Errorf("%q with nothing put in is %q", in, same)
		}
	})
}

func FuzzSpliceMeta(f *testing.F) {
	for _, s := range objects {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if !raw.IsObject(in) {
			return
		}
		out := raw.SpliceMeta(in, map[string]string{"note": `"n"`, "x": `{}`})
		before, ok := members(in)
		if !ok {
			return
		}
		after, ok := members(out)
		if !ok {
			t.Fatalf("%q became %q", in, out)
		}
		meta, had := raw.Member(in, "_meta"), raw.Member(out, "_meta")
		switch {
		case meta != nil && !raw.IsObject(meta):
			if !bytes.Equal(in, out) {
				t.Errorf("%q became %q", in, out)
			}
		case raw.Member(had, "note") == nil || raw.Member(had, "x") == nil:
			t.Errorf("%q became %q", in, out)
		default:
			for k, at := range raw.Members(meta) { // what was there stays and is not doubled
				var name string
				if json.Unmarshal(k, &name) == nil && utf8.Valid(k) && !bytes.Equal(raw.Member(had, name), raw.Member(meta, name)) {
					t.Errorf("%q: %q became %q", in, at.In(meta), raw.Member(had, name))
				}
			}
		}
		if meta == nil {
			after = after[1:]
		}
		for i, m := range before {
			if len(after) != len(before) || after[i].name != m.name || m.name != "_meta" && !bytes.Equal(after[i].value, m.value) {
				t.Fatalf("%q became %q", in, out)
			}
		}
	})
}

func FuzzOneLine(f *testing.F) {
	for _, s := range objects {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := raw.OneLine(in)
		switch {
		case err != nil:
			if _, ok := members(in); ok {
				t.Errorf("%q: %v", in, err)
			}
		case bytes.ContainsAny(out, "\r\n"):
			t.Errorf("%q became %q", in, out)
		case !bytes.ContainsAny(in, "\r\n"):
			if !bytes.Equal(in, out) {
				t.Errorf("%q became %q", in, out)
			}
		default:
			var want bytes.Buffer
			if err := json.Compact(&want, in); err != nil || !bytes.Equal(out, want.Bytes()) {
				t.Errorf("%q became %q, want %q, %v", in, out, want.Bytes(), err)
			}
		}
	})
}

func FuzzUnescape(f *testing.F) {
	for _, s := range []string{`"a"`, `"\ud83d\ude00é\n\\\""`, `"\ud83d"`, `"\ud83d\u0041"`, `"` + strings.Repeat(`\ud83d\ude00é`, 100) + `"`, "\"\xff\"", `"\`, `"\u00`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var want string
		if len(in) < 2 || in[0] != '"' || json.Unmarshal(in, &want) != nil {
			_ = raw.Unescape(io.Discard, in)
			return
		}
		in = bytes.TrimSpace(in)
		var got bytes.Buffer
		if err := raw.Unescape(&got, in); err != nil || got.String() != want {
			t.Errorf("%v\n got %q\nwant %q", err, got.String(), want)
		}
	})
}

func FuzzUTF8(f *testing.F) {
	for _, s := range []string{"", "é", "a\xffb", "\xc3(", "\xed\xa0\x80", "\ufffd"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var out strings.Builder
		if err := raw.WriteUTF8(&out, in); err != nil {
			t.Fatal(err)
		}
		if got, want := out.String(), string([]rune(string(in))); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	})
}

func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "a", "<&>\"\\\n\u2028\x00", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		for _, out := range []string{raw.Quote(in), string(raw.Encode(in))} {
			var back string
			if err := json.Unmarshal([]byte(out), &back); err != nil || utf8.ValidString(in) && back != in {
				t.Errorf("%q became %s, %v", in, out, err)
			}
		}
		if want, err := json.Marshal(in); err != nil || raw.Quote(in) != string(want) {
			t.Errorf("%q became %s, want %s", in, raw.Quote(in), want)
		}
	})
}

// brokenWriter fails after some bytes.
type brokenWriter struct{ room int }

var errFull = errors.New("full")

func (w *brokenWriter) Write(b []byte) (int, error) {
	if w.room -= len(b); w.room < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestUnescapeReportsTheWriter(t *testing.T) {
	t.Parallel()
	long := []byte(`"` + strings.Repeat(`a\n`, 10_000) + `"`)
	for _, room := range []int{0, 1, 5000, 19_999} {
		if err := raw.Unescape(&brokenWriter{room}, long); !errors.Is(err, errFull) {
			t.Errorf("room for %d: %v", room, err)
		}
	}
	if err := raw.Unescape(&brokenWriter{20_000}, long); err != nil {
		t.Error(err)
	}
}

func TestSpansCannotBeAppendedTo(t *testing.T) {
	t.Parallel()
	text := []byte(`{"a":1,"b":2}`)
	for _, at := range raw.Members(text) {
		_ = append(at.In(text), "xxx"...)
	}
	_ = append(raw.Member(text, "a"), "xxx"...)
	if string(text) != `{"a":1,"b":2}` {
		t.Errorf("the text became %s", text)
	}
}

func TestEncodePanicsWithoutAForm(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	raw.Encode(func() {})
}

func BenchmarkMembers(b *testing.B) {
	for name, words := range map[string]string{"plain": "words of a result ", "escaped": `{"id":1,"name":"x"}, `} {
		text := []byte(`{"jsonrpc":"2.0","id":"raw-1","result":{"content":[{"type":"text","text":` + raw.Quote(strings.Repeat(words, 60_000)) + `}]}}`)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				for range raw.Members(text) {
				}
			}
		})
	}
}
