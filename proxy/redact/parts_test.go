package redact

import (
	"strings"
	"testing"
	"time"
)

func TestRedactPartsOfValues(t *testing.T) {
	t.Parallel()
	const secret = "0a1b2c3d4e5f6g7h8i9jAkBlCmDnEoFp"
	var r Redactor
	r.Add(secret, "-----BEGIN KEY-----\nfirst-line-of-key\n-----END KEY-----")
	for in, want := range map[string]string{
		"key " + secret[:23]:                                        "key ***",       // cut at the end
		secret[10:] + " is no key":                                  "*** is no key", // cut at the beginning
		"key " + secret[:12] + "\n" + secret[12:] + "\nend":         "key ***\nend",  // wrapped
		secret[:12] + "\r\n" + secret[12:20] + "\r\n" + secret[20:]: "***",
		"a " + secret[:3] + "\n" + secret[3:] + " b":                "a *** b",
		"first-line-of\n-key":                                       "***",
		"ends with 0a1b2c3":                                         "ends with 0a1b2c3", // seven bytes say nothing
		"two lines\nof text":                                        "two lines\nof text",
		secret + "\n" + secret:                                      "***\n***",

		// Folded: with indentation, a mark, what the lines share, colours.
		"key " + secret[:12] + "\n    " + secret[12:20] + "\n    " + secret[20:] + " end": "key *** end",
		"key " + secret[:3] + "  \n\t" + secret[3:] + "\nend":                             "key ***\nend",
		"| key " + secret[:5] + "\n| " + secret[5:29] + "\n| " + secret[29:] + "\n| end":  "| key ***\n| end",
		"│ key " + secret[:5] + "\n│ " + secret[5:] + " │":                                "│ key *** │",
		"> " + secret[:5] + "\n>" + secret[5:]:                                            "> ***",
		"# key \\\n#   " + secret[:9] + "\\\n#   " + secret[9:]:                           "# key \\\n#   ***",
		"npm ERR! key " + secret[:4] + "\nnpm ERR! " + secret[4:] + "\nnpm ERR! end":      "npm ERR! key ***\nnpm ERR! end",
		"[app]key " + secret[:4] + "\n[app]" + secret[4:]:                                 "[app]key ***",
		"\x1b[2mkey " + secret[:4] + "\x1b[0m\n\x1b[2m  " + secret[4:] + "\x1b[0m":        "key ***",
		"  -----BEGIN KEY-----\n  first-line-of-key\n  -----END KEY-----":                 "  ***\n  ***\n  ***",
		"  -----BEGIN KEY-----\r\n  first-line-\r\n  of-key\r\n  -----END KEY-----":       "  ***\r\n  ***\r\n  ***",
		// Between bare carriage returns.
		"key " + secret[:4] + "\r" + secret[4:] + "\r100%": "key ***\r100%",
		" 10%\r " + secret[10:] + " \r 20%":                " 10%\r *** \r 20%",
		// A line alone.
		"    " + secret[10:] + " is no key":     "    *** is no key",
		"| " + secret[10:]:                      "| ***",
		"key " + secret[:20] + " \\":            "key *** \\",
		"    " + secret[4:24] + "  ":            "    ***  ",
		"│ " + secret[4:24]:                     "│ ***",
		"    " + secret[4:16]:                   "    ***",
		"    " + secret[4:11]:                   "    " + secret[4:11], // seven bytes say nothing
		"line-of-":                              "line-of-",            // may be a word
		"npm ERR! a line\nnpm ERR! another one": "npm ERR! a line\nnpm ERR! another one",
		"name: x\n  - a\n  - b\n| c | d |\r\n":  "name: x\n  - a\n  - b\n| c | d |\r\n",
	} {
		got := r.Redact(in)
		if got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
		if again := r.Redact(got); again != got {
			t.Errorf("%q redacted again is %q", got, again)
		}
	}
}

// However a text is cut into two, no more than a trace of a secret is left.
func TestRedactLeavesNoPartOfAValue(t *testing.T) {
	t.Parallel()
	const secret = "0a1b2c3d4e5f6g7h8i9jAkBlCmDnEoFp"
	var r Redactor
	r.Add(secret)
	text := "log " + secret + " end"
	for cut := range text {
		for _, part := range []string{r.Redact(text[:cut]), r.Redact(text[cut:]), r.Redact(text[:cut] + "\n" + text[cut:])} {
			for i := range len(secret) - minSecret {
				if strings.Contains(part, secret[i:i+minSecret]) {
					t.Errorf("cut at %d: %q", cut, part)
					break
				}
			}
		}
	}
}

// However a folder cuts and decorates the lines, no more than a trace is left.
func TestRedactFoldedValues(t *testing.T) {
	t.Parallel()
	const secret = "0a1b2c3d4e5f-6g7h8i9j/AkBlC+DnEoFp=="
	var r Redactor
	r.Add(secret)
	for _, prefix := range []string{"", "    ", "\t", "| ", "> ", "# ", "* ", "// ", "│ ", "  | ", "npm ERR! ", "[app] ", "stderr: "} {
		for _, end := range []string{"\n", "\r\n", "\r", " \n", "\\\n"} {
			for width := 1; width < len(secret); width++ {
				text := prefix + "log "
				for i := 0; i < len(secret); i += width {
					if i > 0 {
						text += end + prefix
					}
					text += secret[i:min(i+width, len(secret))]
				}
				if got := r.Redact(text + end + prefix + "end"); got != prefix+"log "+Mask+end+prefix+"end" {
					t.Errorf("%q folded at %d with %q: %q", prefix, width, end, got)
				}
			}
		}
	}
}

// Ordinary text of many lines stays as it is, and costs little.
func TestOrdinaryLinesAreKept(t *testing.T) {
	t.Parallel()
	var r Redactor
	r.Add("0a1b2c3d4e5f6g7h8i9jAkBlCmDnEoFp", "postgres://db/name-of-it", "correct horse battery staple", "/home/user/project/data")
	const text = `Traceback (most recent call last):
  File "/home/user/x.py", line 3, in <module>
    correct(1)
| name  | of |
|-------|----|
| horse | it |
  - a: 1
    b: [2, 3]
{"level": "error",
 "message": "no database"}
`
	if got := r.Redact(text); got != text {
		t.Errorf("became %q", got)
	}
}

// FuzzRedact checks that masking ends soon, masks again nothing more, and leaves
// no value.
func FuzzRedact(f *testing.F) {
	const secret = "0a1b2c3d4e5f6g7h"
	f.Add("key "+secret[:5]+"\n  | "+secret[5:], secret)
	f.Add("aaaa\raaaaaaaaaaaa\n\taaaa", "aaaaaaaaaaaa")
	f.Add("\x1b[1m"+secret, "| | | | | |")
	f.Fuzz(func(t *testing.T, text, value string) {
		var r Redactor
		r.Add(value)
		began := time.Now()
		got := r.Redact(text)
		if took := time.Since(began); took > time.Second {
			t.Errorf("%d bytes took %v", len(text), took)
		}
		if v := strings.TrimSpace(value); len(v) >= minSecret && !strings.Contains(v, "*") && strings.Contains(got, v) {
			t.Errorf("%q is left in %q", v, got)
		}
	})
}

// BenchmarkRedact masks the lines that are kept of a program.
func BenchmarkRedact(b *testing.B) {
	var r Redactor
	for i := range 20 {
		r.Add(strings.Repeat("s", i) + "0a1b2c3d4e5f6g7h8i9jAkBlCmDnEoFp")
	}
	text := strings.Repeat("    at Object.call (/srv/node_modules/some/package/index.js:10:20)\n", 10)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r.Redact(text)
	}
}
