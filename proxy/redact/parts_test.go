package redact

import (
	"strconv"
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

// Whatever a program puts around the pieces, no more than a trace is left.
func TestRedactDecoratedPieces(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"0aQ1bW2cE3dR4fT5gY6hU7jI8kO9lP0z", "0a1b2c3d4e5f-6g7h8i9j/AkBlC+DnEoFp==", "6fa459ea-ee8a-3ca4-894e-db77e160355e"} {
		var r Redactor
		r.Add(secret)
		for _, around := range [][2]string{
			{"| ", " |"},
			{"│", "│"},
			{"2026-01-01T00:00:0# INFO ", ""},
			{"[#] error: key=", ";"},
			{"'", "' +"},
			{"  \"", "\","},
			{`{"time":"#","msg":"`, `"}`},
			{"#: ", " \\"},
			{"<td>", "</td>"},
			{"\x1b[2m#\x1b[0m ", " (#)"},
		} {
			for width := 4; width < len(secret); width++ {
				var text strings.Builder
				for i, n := 0, 1; i < len(secret); i, n = i+width, n+1 {
					piece := around[0] + secret[i:min(i+width, len(secret))] + around[1] + "\n"
					text.WriteString(strings.ReplaceAll(piece, "#", strconv.Itoa(n)))
				}
				checkTrace(t, &r, secret, text.String())
				if width >= minSecret {
					checkTrace(t, &r, secret, strings.Replace(text.String(), "\n", "\n  at other (x.js:1:2)\n", 1))
					checkTrace(t, &r, secret, strings.ReplaceAll(text.String(), "\n", " "))
				}
			}
		}
	}
}

// checkTrace checks that no four bytes of a value are left.
func checkTrace(t *testing.T, r *Redactor, secret, text string) {
	t.Helper()
	const trace = 4
	got := r.Redact(text)
	for i := range len(secret) - trace {
		if strings.Contains(got, secret[i:i+trace]) {
			t.Errorf("%q became %q", text, got)
			return
		}
	}
	if again := r.Redact(got); again != got {
		t.Errorf("%q redacted again is %q", got, again)
	}
}

func TestRedactPiecesAnywhere(t *testing.T) {
	t.Parallel()
	var r Redactor
	r.Add("0aQ1bW2cE3dR4fT5gY6hU7jI8kO9lP0z", "correct-horse-battery-staple")
	for in, want := range map[string]string{
		"| 0aQ1bW2cE3dR4fT5 |\n| gY6hU7jI8kO9lP0z |":                                           "| *** |\n| *** |",
		"2026-01-01T00:00:01 INFO 0aQ1bW2cE3dR4fT5\n2026-01-01T00:00:02 INFO gY6hU7jI8kO9lP0z": "2026-01-01T00:00:01 INFO ***\n2026-01-01T00:00:02 INFO ***",
		"'0aQ1bW2cE3dR4fT5' +\n  'gY6hU7jI8kO9lP0z'":                                           "'***' +\n  '***'",
		"| correct-horse |\n| -battery-staple |":                                               "| *** |\n| *** |",
		"1 'correct' +\n2 '-horse-' +\n3 'battery-staple'":                                     "1 '***' +\n2 '***' +\n3 '***'",
		"a 2cE3dR4fT5gY b":   "a *** b",
		"a x2cE3dR4fT5gYx b": "a x2cE3dR4fT5gYx b", // another word
		"a 2cE3dR4 b":        "a 2cE3dR4 b",        // seven bytes say nothing
		"a horse-battery b":  "a horse-battery b",
		"a correct b\nc d e": "a correct b\nc d e",
	} {
		if got := r.Redact(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// Ordinary text of many lines stays as it is, also where values are words, paths
// and addresses.
func TestOrdinaryLinesAreKept(t *testing.T) {
	t.Parallel()
	var r Redactor
	r.Add("0a1b2c3d4e5f6g7h8i9jAkBlCmDnEoFp", "postgres://db/name-of-it", "correct horse battery staple", "/home/user/project/data",
		"https://api.example.com/v1beta1/models/2024", "claude-sonnet-4-20250514", "/srv/python3.11/lib64/node_modules", "useJavaScriptEngine2",
		"application/json; charset=utf-8", "my-service-2024-prod-eu1", "2026-01-01T00:00:00Z")
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
started in "/home/user/" as user
project data: none
2026-01-01T00:00:01 GET https://api.example.com/v1/models: 404
2026-01-01T00:00:02 no model claude-sonnet-4 (2025)
2026-01-01T00:00:03 /srv/python3.11/lib/x.py: not JavaScript, application/json2
2026-01-01T00:00:04 my-service-2024 is up at eu1
`
	if got := r.Redact(text); got != text {
		t.Errorf("became %q", got)
	}
}

// FuzzRedact checks that masking ends soon, masks again nothing more, and leaves
// no value, also where it is cut in two and decorated.
func FuzzRedact(f *testing.F) {
	const secret = "0a1b2c3d4e5f6g7h"
	f.Add("key "+secret[:5]+"\n  | "+secret[5:], secret)
	f.Add("aaaa\raaaaaaaaaaaa\n\taaaa", "aaaaaaaaaaaa")
	f.Add("\x1b[1m"+secret, "| | | | | |")
	f.Add("| "+secret[:8]+" |\n| "+secret[8:]+" |", secret)
	f.Add("1 INFO '", secret)
	f.Fuzz(func(t *testing.T, text, value string) {
		var r Redactor
		r.Add(value)
		began := time.Now()
		got := r.Redact(text)
		if took := time.Since(began); took > time.Minute {
			t.Errorf("%d bytes took %v", len(text), took)
		}
		if v := strings.TrimSpace(value); len(v) >= minSecret && !strings.Contains(v, "*") && strings.Contains(got, v) {
			t.Errorf("%q is left in %q", v, got)
		}
		// Between lines of any text, whose ends are no parts of words.
		r = Redactor{}
		r.Add(secret)
		around := strings.ReplaceAll(text, "*", "")
		pieces := around + "'" + secret[:8] + "'\n'" + secret[8:] + "'" + around
		if got := r.Redact(pieces); strings.Contains(got, secret[:8]) && !strings.Contains(around, secret[:4]) || strings.Contains(got, secret[8:]) && !strings.Contains(around, secret[8:12]) {
			t.Errorf("%q became %q", pieces, got)
		}
	})
}

// BenchmarkRedact masks the lines that are kept of a program.
func BenchmarkRedact(b *testing.B) {
	for name, line := range map[string]string{
		"trace":   "    at Object.call (/srv/node_modules/some/package/index.js:10:20)\n",
		"random":  "2026-01-01T00:00:00 id=6fa459ea-ee8a-3ca4-894e-db77e160355e 9xQ1bW2cE3dR4\n",
		"similar": "0a1b2 0a1b2c3d 0a1b2c3d4e5f6g7 ssssss0a1b2c3d4e 0a1b2c3d4e5f6g7\n",
	} {
		b.Run(name, func(b *testing.B) {
			var r Redactor
			for i := range 20 {
				r.Add(strings.Repeat("s", i) + "0a1b2c3d4e5f6g7h8i9jAkBlCmDnEoFp")
			}
			text := strings.Repeat(line, 10)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				r.Redact(text)
			}
		})
	}
}
