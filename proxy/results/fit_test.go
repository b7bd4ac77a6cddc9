package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"mcpproxy/upstream/raw"
)

const testLimit = 1000

// Results as an upstream may write them, in bytes that no encoder would make.
const (
	oddResult = `{"zz":1,"content":[{"type":"hologram","depth":12345678901234567890}, {"text":"caf\u00e9 <b>&","type":"text"}],` +
		`"structuredContent":{"b":9007199254740993,"a":1.50},"_meta":{"x":[ 1 ]},"isError":false,"future":{"k":null}}`
	prettyResult = "{\n  \"content\": [],\n  \"n\": 12345678901234567890\n}"
)

// nextOf stands in for the words of the proxy.
func nextOf(h Handle) string {
	switch {
	case h.ID == "":
		return "nothing"
	case h.Structured:
		return "structured"
	}
	return "more"
}

// newStore returns a store in a folder of its own, and the folder.
func newStore(t testing.TB) (*Store, string) {
	t.Helper()
	s := New(filepath.Join(t.TempDir(), "results"), slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, s.dir
}

func fitted(t testing.TB, s *Store, raw string, limit int) string {
	t.Helper()
	out := s.Fit(t.Context(), json.RawMessage(raw), limit, nextOf)
	if !json.Valid(out) {
		t.Fatalf("not valid JSON: %.300s", out)
	}
	return string(out)
}

// handleOf returns the handle in the result's first text block.
func handleOf(t testing.TB, reply string) (h Handle) {
	t.Helper()
	var r struct{ Content []struct{ Text string } }
	if err := json.Unmarshal([]byte(reply), &r); err != nil {
		t.Fatal(err)
	}
	for _, b := range r.Content {
		if json.Unmarshal([]byte(b.Text), &h) == nil && h.Next != "" {
			return h
		}
	}
	t.Fatalf("no handle in %.300s", reply)
	return h
}

func textBlock(text string) string {
	return `{"type":"text","text":` + string(raw.Encode(text)) + `}`
}

func TestOnlyWhatIsTooLargeIsReplaced(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	long := strings.Repeat("x", testLimit+1)
	image := `{"type":"image","mimeType":"image/png","data":"` + strings.Repeat("QUJD", 1000) + `"}`
	huge := `{"type":"image","mimeType":"image/png","data":"` + strings.Repeat("QUJD", maxBinary/4) + `"}`
	const handles = `\{"text":"\{\\"result_id\\":[^}]*\}","type":"text"\}`
	for _, c := range []struct{ name, in, want string }{ // want: a pattern; empty: as it came
		{"small", oddResult, ""},
		{"at the limit", `{"content":[` + textBlock(long[1:]) + `],"structuredContent":null}`, ""},
		{"at the limit when decoded", `{"content":[{"type":"text","text":"` + strings.Repeat(`\u0041`, testLimit) + `"}]}`, ""},
		{"over it", `{"content":[` + textBlock(long) + `]}`, `\{"content":\[` + handles + `\]\}`},
		{"over it together", `{"content":[` + textBlock(long[501:]) + `],"structuredContent":{"a":"` + long[400:] + `"}}`, `\{"content":\[` + handles + `\]\}`},
		{"structured alone", `{"structuredContent":{"a":"` + long + `"},"isError":false}`, `\{"content":\[` + handles + `\],"isError":false\}`},
		{"members kept", `{ "zz" : 1.0, "content":[` + textBlock(long) + `] ,"_meta":{"x":[ 1 ]}, "isError":true,"future":{"k":12345678901234567890}}`,
			`\{"content":\[` + handles + `\],"zz":1\.0,"_meta":\{"x":\[ 1 \]\},"isError":true,"future":\{"k":12345678901234567890\}\}`},
		{"image passes", `{"content":[` + image + `]}`, ""},
		{"image beside text", `{"content":[` + image + `,` + textBlock(long) + `]}`, `\{"content":\[` + handles + `,` + regexp.QuoteMeta(image) + `\]\}`},
		{"huge image", `{"content":[` + textBlock("a") + `,` + huge + `,` + image + `],"structuredContent":{}}`,
			`\{"content":\[` + regexp.QuoteMeta(textBlock("a")) + `,` + handles + `,` + regexp.QuoteMeta(image) + `\],"structuredContent":\{\}\}`},
		{"resource", `{"content":[{"type":"resource","resource":{"uri":"file:///x","text":"` + long + `"}}]}`, `\{"content":\[` + handles + `\]\}`},
		{"unknown block", `{"content":[{"type":"hologram","depths":"` + long + `"},7,null]}`, ""},
		{"escaped keys", `{"\u0063ontent":[` + textBlock(long) + `]}`, `\{"content":\[` + handles + `\]\}`},
		{"content twice", `{"content":[` + textBlock(long) + `],"content":[]}`, ""},
		{"content of another type", `{"content":"` + long + `"}`, ""},
		{"text of another type", `{"content":[{"type":"text","text":[` + strings.Repeat("1,", testLimit) + `1]}]}`, ""},
	} {
		got := fitted(t, s, c.in, testLimit)
		if c.want == "" && got != c.in || c.want != "" && !regexp.MustCompile("^"+c.want+"$").MatchString(got) {
			t.Errorf("%s:\n got %.600s\nwant %.600s", c.name, got, c.want)
		}
		if off := fitted(t, s, c.in, 0); off != c.in {
			t.Errorf("%s: changed without a limit", c.name)
		}
	}
}

// A block that is not text can be read too: it is stored as its JSON.
func TestHugeImageIsStored(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	h := handleOf(t, fitted(t, s, `{"content":[{"type":"image","mimeType":"image/png","data":"`+strings.Repeat("QUJD", maxBinary/4)+`"}]}`, 48<<10))
	if h.Type != "image" || h.MIMEType != "image/png" || h.Head != "" {
		t.Errorf("got %+v", h)
	}
	got, err := s.Read(t.Context(), Query{ID: h.ID, Select: "length(data)"})
	if err != nil || string(got.Value) != strconv.Itoa(maxBinary) {
		t.Errorf("got %s, %v", got.Value, err)
	}
}

// What a handle says of its text tells whether there is more of it.
func TestHandleTellsWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	long := strings.Repeat("x", testLimit)
	for _, c := range []struct {
		text  string
		whole bool
	}{
		{"a summary", true},
		{long, false},
	} {
		h := handleOf(t, fitted(t, s, `{"content":[`+textBlock(c.text)+`],"structuredContent":{"a":"`+long+`"}}`, testLimit))
		if whole := h.Total == int64(len(h.Head)); whole != c.whole || h.Next != "structured" {
			t.Errorf("after %.20q: %+v", h.Head, h)
		}
	}
}

func TestWhatCannotBeStoredIsCut(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := New(filepath.Join(file, "results"), slog.New(slog.DiscardHandler))
	text := strings.Repeat("text ", testLimit)
	h := handleOf(t, fitted(t, s, `{"content":[`+textBlock(text)+`]}`, testLimit))
	if h.ID != "" || h.Total != int64(len(text)) || !strings.HasPrefix(text, h.Head) || h.Next != "nothing" {
		t.Errorf("got %+v", h)
	}
}

// Whatever a result looks like, what comes of it is a result that keeps what
// is not text, and no text gets lost.
func FuzzFit(f *testing.F) {
	for _, seed := range []string{
		oddResult, prettyResult, `{"content":[` + textBlock(strings.Repeat("é", 600)) + `],"isError":true,"_meta":{"a":1}}`,
		`{"content":{"type":"text"},"structuredContent":[` + strings.Repeat(" ", 600) + `]}`, `{"content":[["type","text"],{"type":"resource","resource":7}]}`,
	} {
		f.Add([]byte(seed))
	}
	s, _ := newStore(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		var before, after map[string]json.RawMessage
		raw, err := raw.OneLine(in)
		if err != nil || json.Unmarshal(raw, &before) != nil {
			s.Fit(t.Context(), in, 100, nextOf) // must not panic
			return
		}
		if err := json.Unmarshal([]byte(fitted(t, s, string(raw), 100)), &after); err != nil {
			t.Fatal(err)
		}
		for key, value := range before {
			if key != "content" && key != "structuredContent" && !bytes.Equal(value, after[key]) {
				t.Errorf("%s: %s became %s", key, value, after[key])
			}
		}
	})
}

func BenchmarkFit(b *testing.B) {
	text, _ := fiveMiB()
	for _, size := range []int{64 << 10, 1 << 20, 5 << 20} {
		raw := json.RawMessage(`{"content":[` + textBlock(text[:size]) + `]}`)
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			s, _ := newStore(b)
			b.SetBytes(int64(size))
			for b.Loop() {
				s.Fit(b.Context(), raw, 48<<10, nextOf)
			}
		})
	}
}

// Many blocks do not become as many files.
func TestManyBlocksAreStoredTogether(t *testing.T) {
	t.Parallel()
	s, dir := newStore(t)
	huge := `{"type":"image","data":"` + strings.Repeat("QUJD", maxBinary/4) + `"}`
	got := fitted(t, s, `{"content":[`+huge+strings.Repeat(`,[]`, 5000)+`,`+huge+strings.Repeat(`,{"n":1}`, 5000)+`,`+strings.Repeat(huge+`,`, 20)+`7]}`, testLimit)
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.text"))
	if err != nil || len(files) != maxHandles+1 {
		t.Errorf("%d files, %v", len(files), err)
	}
	var r struct{ Content []json.RawMessage }
	if err := json.Unmarshal([]byte(got), &r); err != nil {
		t.Fatal(err)
	}
	var last struct{ Text string }
	if err := json.Unmarshal(r.Content[len(r.Content)-1], &last); err != nil {
		t.Fatal(err)
	}
	var h Handle
	if err := json.Unmarshal([]byte(last.Text), &h); err != nil || h.Type != "blocks" {
		t.Fatalf("%+v, %v", h, err)
	}
	part, err := s.Read(t.Context(), Query{ID: h.ID, Select: "length(@)"})
	if want := strconv.Itoa(22 - maxHandles); err != nil || string(part.Value) != want {
		t.Errorf("%s together, want %s: %v", part.Value, want, err)
	}
}
