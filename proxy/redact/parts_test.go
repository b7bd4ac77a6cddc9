package redact

import (
	"strings"
	"testing"
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
