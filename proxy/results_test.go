package proxy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

const testLimit = 1000

// newStore returns a store in a folder of its own, and the folder.
func newStore(t testing.TB) (*store, string) {
	t.Helper()
	s := &store{dir: filepath.Join(t.TempDir(), "results")}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s, s.dir
}

// reading returns a proxy that reads what the store holds.
func reading(s *store) *Proxy { return &Proxy{results: s} }

func fitted(t testing.TB, s *store, raw string, limit int) string {
	t.Helper()
	out := s.fit(json.RawMessage(raw), limit, slog.New(slog.DiscardHandler))
	if !json.Valid(out) {
		t.Fatalf("not valid JSON: %.300s", out)
	}
	return string(out)
}

// handleOf returns the handle in the result's first text block.
func handleOf(t testing.TB, reply string) (h handle) {
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
	return `{"type":"text","text":` + string(compact(text)) + `}`
}

func TestOnlyWhatIsTooLargeIsReplaced(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	long := strings.Repeat("x", testLimit+1)
	image := `{"type":"image","mimeType":"image/png","data":"` + strings.Repeat("QUJD", 1000) + `"}`
	huge := `{"type":"image","mimeType":"image/png","data":"` + strings.Repeat("QUJD", maxBinary/4) + `"}`
	const handles = `\{"text":"\{\\"result_id\\":[^}]*\}[^}]*\}","type":"text"\}`
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

// fiveMiB are texts of that size, as JSON and on a single line.
func fiveMiB() (asJSON, asLine string) {
	var b strings.Builder
	b.WriteString(`{"total":9007199254740993,"items":[`)
	for i := 0; b.Len() < 5<<20; i++ {
		if i > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, `{"id":%d,"name":"item \"%d\" ü€😀","price":%d.50,"open":%t}`, 9007199254740992+i, i, i, i%2 == 0)
	}
	b.WriteString("]}")
	return b.String(), strings.Repeat("aé€😀 needle ", 5<<20/17)
}

func TestStoredResultIsReadInParts(t *testing.T) {
	t.Parallel()
	asJSON, asLine := fiveMiB()
	s, _ := newStore(t)
	p := reading(s)
	for name, text := range map[string]string{"json": asJSON, "line": asLine} {
		reply := fitted(t, s, `{"content":[`+textBlock(text)+`]}`, 48<<10)
		if len(reply) > 48<<10 {
			t.Errorf("%s: reply of %d bytes", name, len(reply))
		}
		h := handleOf(t, reply)
		if h.Total != int64(len(text)) || !strings.HasPrefix(text, h.Head) || len(h.Head) < headSize/2 {
			t.Fatalf("%s: %d bytes, head of %d", name, h.Total, len(h.Head))
		}
		var all strings.Builder
		for next, q := new(int64), (ReadRequest{ID: h.ID, Limit: 40<<10 + 1}); next != nil; {
			q.Offset = *next
			page, err := p.ReadResult(t.Context(), q)
			if err != nil || *page.Offset != q.Offset {
				t.Fatal(name, err, page.Offset)
			}
			all.WriteString(*page.Text)
			next = page.Next
		}
		if all.String() != text {
			t.Errorf("%s: the pages together are not the text", name)
		}
	}
}

func TestPagesBeginAndEndWithWholeCharacters(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	text := strings.Repeat("😀", testLimit)
	h := handleOf(t, fitted(t, s, `{"content":[`+textBlock(text)+`]}`, testLimit))
	for offset := range int64(9) {
		page, err := reading(s).ReadResult(t.Context(), ReadRequest{ID: h.ID, Offset: offset, Limit: 7})
		if err != nil || *page.Text != "😀" || *page.Offset != offset/4*4 || *page.Next != offset/4*4+4 {
			t.Errorf("at %d: %v %+v", offset, err, page)
		}
	}
	page, err := reading(s).ReadResult(t.Context(), ReadRequest{ID: h.ID, Offset: 4 * testLimit})
	if err != nil || *page.Text != "" || page.Next != nil {
		t.Errorf("at the end: %v %+v", err, page)
	}
}

func TestGrep(t *testing.T) {
	t.Parallel()
	asJSON, asLine := fiveMiB()
	s, _ := newStore(t)
	keep := func(text string) string {
		return handleOf(t, fitted(t, s, `{"content":[`+textBlock(text)+`]}`, 48<<10)).ID
	}
	for _, c := range []struct {
		name, text, grep string
		limit            int
		lines            []int
		cut              bool
	}{
		{"json", asJSON, `item \\"1234\\"`, 0, []int{1235}, false},
		{"nothing", asJSON, "nowhere", 0, []int{}, false},
		{"too many", asJSON, "item", 3, []int{1, 2, 3}, true},
		{"single line", asLine, "needle", 2, []int{1, 1}, true},
		{"empty match", asLine, "^", 5, []int{1}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := keep(c.text)
			seen := int64(-1)
			for offset := int64(0); ; {
				got, err := reading(s).ReadResult(t.Context(), ReadRequest{ID: id, Grep: c.grep, Limit: c.limit, Offset: offset})
				if err != nil {
					t.Fatal(err)
				}
				var lines []int
				for _, m := range *got.Matches {
					lines = append(lines, m.Line)
					if !strings.HasPrefix(c.text[m.Offset:], m.Text) || m.Offset <= seen && m.Offset > 0 {
						t.Errorf("%q is not what stands at %d", m.Text, m.Offset)
					}
					seen = m.Offset
				}
				if offset == 0 && (fmt.Sprint(lines) != fmt.Sprint(c.lines) || (got.Cut != "") != c.cut) {
					t.Errorf("lines %v, cut %q", lines, got.Cut)
				}
				if got.Next == nil || offset > 5000 { // far enough
					break
				}
				if *got.Next <= offset {
					t.Fatalf("from %d on to %d", offset, *got.Next)
				}
				offset = *got.Next
			}
		})
	}
}

func TestSelectKeepsDigits(t *testing.T) {
	t.Parallel()
	asJSON, _ := fiveMiB()
	s, _ := newStore(t)
	id := handleOf(t, fitted(t, s, `{"content":[`+textBlock("see structured")+`],"structuredContent":`+asJSON+`}`, 48<<10)).ID
	for _, c := range []struct{ expression, want string }{
		{"total", "9007199254740993"},
		{"items[3]", `{"id":9007199254740995,"name":"item \"3\" ü€😀","open":false,"price":3.50}`},
		{"items[?id==`9007199254740995`].name", `["item \"3\" ü€😀"]`},
		{"items[?price>`2.4` && price<`4`].id", "[9007199254740994,9007199254740995]"},
		{"length(items[?open]) > `100`", "true"},
		{"nothing", "null"},
		{"[total, 'a', `1e400`]", ""}, // the literal has no value
		{"items[", ""},
		{"avg(`[]`)", "null"},
	} {
		got, err := reading(s).ReadResult(t.Context(), ReadRequest{ID: id, Select: c.expression})
		if _, bad := err.(*RequestError); bad != (c.want == "") || string(got.Value) != c.want {
			t.Errorf("%s: got %s, %v, want %s", c.expression, got.Value, err, c.want)
		}
	}
	all, err := reading(s).ReadResult(t.Context(), ReadRequest{ID: id, Select: "@"})
	if err != nil || all.Cut == "" || len(all.Value) > 2*maxPage || !json.Valid(all.Value) {
		t.Errorf("%v: %d bytes, cut %q", err, len(all.Value), all.Cut)
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
	got, err := reading(s).ReadResult(t.Context(), ReadRequest{ID: h.ID, Select: "length(data)"})
	if err != nil || string(got.Value) != strconv.Itoa(maxBinary) {
		t.Errorf("got %s, %v", got.Value, err)
	}
}

func TestWhatCannotBeStoredIsCut(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := &store{dir: filepath.Join(file, "results")}
	text := strings.Repeat("text ", testLimit)
	h := handleOf(t, fitted(t, s, `{"content":[`+textBlock(text)+`]}`, testLimit))
	if h.ID != "" || h.Total != int64(len(text)) || !strings.HasPrefix(text, h.Head) || !strings.Contains(h.Next, "could not be stored") {
		t.Errorf("got %+v", h)
	}
}

func TestResultsGoWithTheirOwner(t *testing.T) {
	t.Parallel()
	s, dir := newStore(t)
	large := `{"content":[` + textBlock(strings.Repeat("x", testLimit+1)) + `]}`
	fitted(t, s, large, testLimit)

	orphan := filepath.Join(dir, "killed") // the system has let go of its lock
	if err := os.Mkdir(orphan, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lock", "rabc.text"} {
		if err := os.WriteFile(filepath.Join(orphan, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	other := &store{dir: dir}
	other.sweep()
	if _, err := os.Stat(orphan); !os.IsNotExist(err) {
		t.Errorf("the folder of a killed owner is still there: %v", err)
	}
	id := handleOf(t, fitted(t, other, large, testLimit)).ID
	if _, err := reading(s).ReadResult(t.Context(), ReadRequest{ID: id}); err == nil {
		t.Error("another process's result was given out")
	}
	if n := countFiles(t, dir); n != 2 {
		t.Errorf("%d results on disk, want one of each owner", n)
	}
	if info, err := os.Stat(other.own); err != nil || info.Mode().Perm() != 0o700 && runtime.GOOS != "windows" {
		t.Errorf("%v %v", info, err)
	}
	if err := other.close(); err != nil {
		t.Error(err)
	}
	if n := countFiles(t, dir); n != 1 {
		t.Errorf("%d results on disk, want that of the living owner", n)
	}
	if got := fitted(t, other, large, testLimit); !strings.Contains(got, "could not be stored") {
		t.Errorf("stored after its end: %s", got)
	}
}

func countFiles(t *testing.T, dir string) (n int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.text"))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func TestOldResultsMakeRoom(t *testing.T) {
	t.Parallel()
	s, dir := newStore(t)
	first := handleOf(t, fitted(t, s, `{"content":[`+textBlock(strings.Repeat("x", testLimit+1))+`]}`, testLimit)).ID
	s.mu.Lock()
	s.size = resultsQuota
	s.mu.Unlock()
	second := handleOf(t, fitted(t, s, `{"content":[`+textBlock(strings.Repeat("y", testLimit+1))+`]}`, testLimit)).ID
	_, err := reading(s).ReadResult(t.Context(), ReadRequest{ID: first})
	if _, expired := err.(*ResultExpiredError); !expired {
		t.Errorf("the oldest: %v", err)
	}
	if _, err := reading(s).ReadResult(t.Context(), ReadRequest{ID: second}); err != nil {
		t.Errorf("the newest: %v", err)
	}
	if n := countFiles(t, dir); n != 1 {
		t.Errorf("%d results on disk", n)
	}
}

// Not parallel: it measures the memory of the process.
func TestMemoryStaysFlat(t *testing.T) {
	asJSON, _ := fiveMiB()
	raw := `{"content":[` + textBlock(asJSON) + `]}`
	s, _ := newStore(t)
	measure := func() (m runtime.MemStats) {
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m
	}
	before := measure()
	for range 8 {
		h := handleOf(t, fitted(t, s, raw, 48<<10))
		if _, err := reading(s).ReadResult(t.Context(), ReadRequest{ID: h.ID, Offset: 4 << 20}); err != nil {
			t.Fatal(err)
		}
		if _, err := reading(s).ReadResult(t.Context(), ReadRequest{ID: h.ID, Grep: "nowhere"}); err != nil {
			t.Fatal(err)
		}
	}
	if after := measure(); after.HeapAlloc > before.HeapAlloc+1<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before.HeapAlloc, after.HeapAlloc)
	}
	runtime.KeepAlive(raw)
}

func FuzzUnescape(f *testing.F) {
	for _, seed := range []string{`"a"`, `"\ud83d\ude00é\n\\\""`, `"\ud83d"`, `"` + strings.Repeat(`\ud83d\ude00é`, pieceSize/10) + `"`, "\"\xff\""} {
		f.Add([]byte(seed), uint16(0))
	}
	f.Fuzz(func(t *testing.T, in []byte, more uint16) {
		// A long beginning moves the places where pieces end.
		if len(in) < 2 || in[0] != '"' {
			return
		}
		in = append([]byte(`"`+strings.Repeat("x", int(more))), in[1:]...)
		var want string
		if json.Unmarshal(in, &want) != nil {
			_ = unescape(io.Discard, in) // must not panic
			return
		}
		in = bytes.TrimSpace(in)
		var got bytes.Buffer
		if err := unescape(&got, in); err != nil || got.String() != want {
			t.Errorf("%v\n got %q\nwant %q", err, got.String(), want)
		}
	})
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
		raw, err := oneLine(in)
		if err != nil || json.Unmarshal(raw, &before) != nil {
			s.fit(in, 100, slog.New(slog.DiscardHandler)) // must not panic
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

// Whatever is asked of a stored result, the answer is a part of it or says
// what is wrong.
func FuzzReadResult(f *testing.F) {
	for _, seed := range []struct {
		offset       int64
		limit        int
		grep, choose string
	}{{0, 0, "", ""}, {3, 7, "n(e|é)", ""}, {0, 0, "", "items[?a>`1`].a | sort(@)"}, {-1, 1 << 40, "(", "["}, {1, 1, "", "join(',', items[*].a)"}} {
		f.Add(seed.offset, seed.limit, seed.grep, seed.choose)
	}
	s, _ := newStore(f)
	p := reading(s)
	var ids []string
	for _, text := range []string{
		`{"items":[{"a":1},{"a":1.0},{"a":"é"},{"a":null},{"a":[9007199254740993,1e400]}],"n":-0.0}`, "né\r\nneedle\n\n", "\xff\xfe", "",
	} {
		kept, err := s.keep(func(w io.Writer) error { _, err := io.WriteString(w, text); return err }, nil, 100)
		if err != nil {
			f.Fatal(err)
		}
		ids = append(ids, kept.id)
	}
	f.Fuzz(func(t *testing.T, offset int64, limit int, grep, choose string) {
		for _, id := range ids {
			got, err := p.ReadResult(t.Context(), ReadRequest{ID: id, Offset: offset, Limit: limit, Grep: grep, Select: choose})
			if err != nil {
				if f := new(Proxy).explainRequest(err); f.Code != codeBadRequest || f.Next == "" {
					t.Errorf("%v: %+v", err, f)
				}
				continue
			}
			if !json.Valid(compact(got)) {
				t.Errorf("not valid: %s", compact(got))
			}
		}
	})
}
