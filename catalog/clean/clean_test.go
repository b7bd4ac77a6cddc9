package clean_test

import (
	"strings"
	"testing"

	"mcpproxy/catalog/clean"
)

func TestText(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		in, want string
		max      int
		flagged  bool
	}{
		{"plain text", "plain text", 0, false},
		{"", "", 5, false},
		{"two\r\nlines\rand\u2028more", "two\nlines\nand\nmore", 0, false},
		{"a\n\n\n\n\nb  \n\tc\n\n", "a\n\nb\n\tc", 0, false},
		{"\n\n  a" + strings.Repeat(" ", 50) + "b", "  a        b", 0, false},
		{"no\u00a0break\u3000space", "no break space", 0, false},
		{"red \x1b[31mtext\x1b[0m", "red text", 0, true},
		{"link \x1b]8;;https://evil\x07x\x1b]8;;\x1b\\", "link x", 0, true},
		{"csi \u009b2Jx", "csi x", 0, true},
		{"open \x1b]0;title", "open 0;title", 0, true},
		{"bare \x1b", "bare", 0, true},
		{"back\b\b\x00\x7f", "back", 0, true},
		{"\u202eevil\u202c \u2066x\u2069", "evil x", 0, true},
		{"z\u200be\u2060r\ufeffo\u00ad", "zero", 0, true},
		{"ta\U000e0041\U000e0042g", "tag", 0, true},
		{"va\ufe0f\ufe0fr", "var", 0, true},
		{"hidden\U000e0101\U000e0102", "hidden", 0, true},
		{"bad\xff\xfe\xfdbytes", "bad\ufffdbytes", 0, true},
		{"\u3164filler", "filler", 0, true},
		{"family 👨\u200d👩\u200d👧 ☀\ufe0f 1\ufe0f⃣", "family 👨\u200d👩\u200d👧 ☀\ufe0f 1\ufe0f⃣", 0, false},
		{"می\u200cخواهم", "می\u200cخواهم", 0, false},
		{"葛\U000e0100城", "葛\U000e0100城", 0, false},
		{"a\u200db", "ab", 0, true},
		{"cut here", "cut…", 4, false},
		{"cut here", "cut…", 5, false}, // no space before the ellipsis
		{"äöüäöü", "äöü…", 4, false},
		{"fits", "fits", 4, false},
	} {
		got, flagged := clean.Text(test.in, test.max)
		if got != test.want || flagged != test.flagged {
			t.Errorf("%q: got %q, %v; want %q, %v", test.in, got, flagged, test.want, test.flagged)
		}
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"one line":               "one line",
		" a \t b\n\nc ":          "a b c",
		"\x1b[1mbold\x1b[0m":     "bold",
		strings.Repeat("xy ", 9): "xy xy xy x…",
	} {
		if got := clean.Line(in, 11); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestFirstSentence(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		in, want string
		max      int
	}{
		{"Reads files. Writes them too.", "Reads files.", 100},
		{"Reads files, e.g. text files. And more.", "Reads files, e.g. text files.", 100},
		{"Version 1.2 of it! Yes.", "Version 1.2 of it!", 100},
		{"no end", "no end", 100},
		{"Wrapped\nline. Next.", "Wrapped line.", 100},
		{"first paragraph\n\nsecond", "first paragraph", 100},
		{"# Heading\n\nThe text. More.", "The text.", 100},
		{"## Heading\nThe text. More.", "The text.", 100},
		{"# Only a heading #", "Only a heading", 100},
		{"ファイルを読む。書く。", "ファイルを読む。", 100},
		{"A long sentence without an end", "A long sen…", 11},
		{"", "", 10},
		{" \n\n \n", "", 10},
		{"hi\u202e there. x", "hi there. x", 100},
	} {
		if got := clean.FirstSentence(test.in, test.max); got != test.want {
			t.Errorf("%q: got %q, want %q", test.in, got, test.want)
		}
	}
}
