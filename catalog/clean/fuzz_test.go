package clean

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzText(f *testing.F) {
	f.Add("a\x1b[31mb\u202ec\r\nd\U000e0041\xff", 3)
	f.Add("\x1b]8;;x\x1b\x1b\\", 0)
	f.Fuzz(func(t *testing.T, s string, most int) {
		text, _ := Text(s, most)
		line := Line(s, most)
		sentence := FirstSentence(s, most)
		for _, got := range []string{text, line, sentence} {
			if !utf8.ValidString(got) {
				t.Errorf("%q became invalid %q", s, got)
			}
			if most > 0 && utf8.RuneCountInString(got) > most {
				t.Errorf("%q became %q, more than %d characters", s, got, most)
			}
			for _, r := range got {
				if r != '\n' && r != '\t' && r != '\u200c' && r != '\u200d' && isInvisible(r) {
					t.Errorf("%q became %q", s, got)
				}
			}
			if again, flagged := Text(got, 0); flagged || again != got && got != line {
				t.Errorf("%q became %q and then %q", s, got, again)
			}
		}
		if strings.ContainsAny(line+sentence, "\n\t") {
			t.Errorf("%q became lines: %q, %q", s, line, sentence)
		}
	})
}
