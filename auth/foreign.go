package auth

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// clean makes foreign text safe to show: one line without control
// characters, at most max characters. Where it may quote a secret,
// [target.tell] is for it.
func clean(s string, max int) string { return cut(oneLine(s), max) }

func oneLine(s string) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

func cut(s string, max int) string {
	if r := []rune(s); len(r) > max {
		s = string(r[:max]) + "…"
	}
	return strings.TrimSpace(s)
}

// tell is clean for text that may quote one of the secrets, or another one
// that [Options].Redact knows. They are masked before the text is cut, because
// nobody recognizes a part of a secret afterwards.
func (t *target) tell(s string, max int, secrets ...string) string {
	masked := strings.NewReplacer(masks(secrets)...)
	// Again after characters were dropped that stood between its own.
	s = masked.Replace(oneLine(masked.Replace(s)))
	return cut(t.redact(s), max)
}

// quoted is tell for a value within a sentence.
func (t *target) quoted(s string) string { return `"` + t.tell(s, 80) + `"` }

// minSecret is the length in bytes from which on a value is masked. A shorter
// one may be a part of an ordinary word.
const minSecret = 8

// masks returns pairs for a Replacer: each form in which an answer may quote
// the values, and what is told in its place.
func masks(values []string) (pairs []string) {
	var forms []string
	for _, v := range values {
		if len(v) < minSecret {
			continue
		}
		asJSON, _ := json.Marshal(v) // a string always can be
		forms = append(forms,
			v, oneLine(v), html.EscapeString(v), named.Replace(html.EscapeString(v)), string(asJSON[1:len(asJSON)-1]),
			base64.RawStdEncoding.EncodeToString([]byte(v)), base64.RawURLEncoding.EncodeToString([]byte(v)))
		for _, escaped := range []string{url.QueryEscape(v), url.PathEscape(v)} {
			forms = append(forms, escaped, percent().ReplaceAllStringFunc(escaped, strings.ToLower))
		}
	}
	// Of two that begin alike, the longer one is replaced as a whole.
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	for _, form := range forms {
		if len(form) >= minSecret {
			pairs = append(pairs, form, "***")
		}
	}
	return pairs
}

// named writes the references as names that html.EscapeString writes as numbers.
var named = strings.NewReplacer("&#34;", "&quot;", "&#39;", "&apos;")

var percent = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`%[0-9A-F]{2}`) })
