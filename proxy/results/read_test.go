package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"mcpproxy/proxy/mcptool"
	"mcpproxy/upstream/raw"
)

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
		for next, q := new(int64), (Query{ID: h.ID, Limit: 40<<10 + 1}); next != nil; {
			q.Offset = *next
			page, err := s.Read(t.Context(), q)
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
		page, err := s.Read(t.Context(), Query{ID: h.ID, Offset: offset, Limit: 7})
		if err != nil || *page.Text != "😀" || *page.Offset != offset/4*4 || *page.Next != offset/4*4+4 {
			t.Errorf("at %d: %v %+v", offset, err, page)
		}
	}
	page, err := s.Read(t.Context(), Query{ID: h.ID, Offset: 4 * testLimit})
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
				got, err := s.Read(t.Context(), Query{ID: id, Grep: c.grep, Limit: c.limit, Offset: offset})
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

// A limit below the length of a line leaves no match without an answer.
func TestGrepUnderALowLimit(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	text := strings.Repeat("é", 200) + "needle" + strings.Repeat("é", 200) + "\n" + strings.Repeat("é", 200) + "needle"
	for _, limit := range []int{1, 10, 200, 450} {
		id := handleOf(t, fitted(t, s, `{"content":[`+textBlock(text)+`]}`, limit)).ID
		var lines []int
		for next := new(int64); next != nil && len(lines) < 3; {
			got, err := s.Read(t.Context(), Query{ID: id, Grep: "needle", Offset: *next})
			if err != nil || len(*got.Matches) == 0 {
				t.Fatalf("limit %d, from %d: %+v, %v", limit, *next, got, err)
			}
			for _, m := range *got.Matches {
				lines = append(lines, m.Line)
				if len(m.Text) > max(limit, utf8.UTFMax) || !strings.HasPrefix(text[m.Offset:], m.Text) {
					t.Errorf("limit %d: %+v", limit, m)
				}
			}
			next = got.Next
		}
		if fmt.Sprint(lines) != "[1 2]" {
			t.Errorf("limit %d: lines %v", limit, lines)
		}
	}
}

func TestSelectKeepsDigits(t *testing.T) {
	t.Parallel()
	asJSON, _ := fiveMiB()
	s, _ := newStore(t)
	id := handleOf(t, fitted(t, s, `{"content":[`+textBlock("see structured")+`],"structuredContent":`+asJSON+`}`, 48<<10)).ID
	for _, c := range []struct{ expression, want string }{
		{"total", "9007199254740993"},
		{"items[3]", `{"id":9007199254740995,"name":"item \"3\" ü€😀","price":3.50,"open":false}`},
		{"items[?id==`9007199254740995`].name", `["item \"3\" ü€😀"]`},
		{"items[?price>`2.4` && price<`4`].id", "[9007199254740994,9007199254740995]"},
		{"length(items[?open]) > `100`", "true"},
		{"nothing", "null"},
		{"[total, 'a', `1e400`]", "[9007199254740993,\"a\",1e400]"},
		{"items[", ""},
		{"avg(`[]`)", "null"},
	} {
		got, err := s.Read(t.Context(), Query{ID: id, Select: c.expression})
		if _, bad := errors.AsType[*mcptool.RequestError](err); bad != (c.want == "") || string(got.Value) != c.want {
			t.Errorf("%s: got %s, %v, want %s", c.expression, got.Value, err, c.want)
		}
	}
	all, err := s.Read(t.Context(), Query{ID: id, Select: "@"})
	if err != nil || all.Cut == "" || len(all.Value) > 2*mcptool.MaxPage || !json.Valid(all.Value) {
		t.Errorf("%v: %d bytes, cut %q", err, len(all.Value), all.Cut)
	}
}

func TestSelectLooksIntoTextThatIsMerelyWrapped(t *testing.T) {
	t.Parallel()
	asJSON, _ := fiveMiB()
	s, _ := newStore(t)
	id := handleOf(t, fitted(t, s, `{"content":[`+textBlock(asJSON)+`],"structuredContent":{"content":`+raw.Quote(asJSON)+`}}`, 48<<10)).ID
	got, err := s.Read(t.Context(), Query{ID: id, Select: "total"})
	if err != nil || string(got.Value) != "9007199254740993" {
		t.Errorf("%s, %v", got.Value, err)
	}
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
	var ids []string
	for _, text := range []string{
		`{"items":[{"a":1},{"a":1.0},{"a":"é"},{"a":null},{"a":[9007199254740993,1e400]}],"n":-0.0}`, "né\r\nneedle\n\n", "\xff\xfe", "",
	} {
		kept, err := s.keep(f.Context(), func(w io.Writer) error { _, err := io.WriteString(w, text); return err }, nil, 100)
		if err != nil {
			f.Fatal(err)
		}
		ids = append(ids, kept.id)
	}
	f.Fuzz(func(t *testing.T, offset int64, limit int, grep, choose string) {
		for _, id := range ids {
			got, err := s.Read(t.Context(), Query{ID: id, Offset: offset, Limit: limit, Grep: grep, Select: choose})
			if err != nil {
				if _, ok := errors.AsType[*mcptool.RequestError](err); !ok {
					t.Errorf("%T: %v", err, err)
				}
				continue
			}
			if !json.Valid(raw.Encode(got)) {
				t.Errorf("not valid: %s", raw.Encode(got))
			}
		}
	})
}
