package redact

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"mcpproxy/catalog/clean"
)

// Mask replaces a secret.
const Mask = "***"

// minSecret is the length in bytes from which on a value is masked. A shorter
// one may be a part of an ordinary word.
const minSecret = 8

// A Redactor masks secrets in text: the values that were added to it, in each
// form that they may have there, and what looks like a credential. The zero
// value is ready to use. It is safe for concurrent use.
type Redactor struct {
	mu       sync.RWMutex
	forms    map[string]bool   // of all values
	replacer *strings.Replacer // of forms
	longest  []string          // the forms, the longest first; never changed
}

// Add adds values to mask. It ignores a value of fewer than 8 bytes, not counting
// the space around it.
func (r *Redactor) Add(values ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := len(r.forms)
	for _, v := range values {
		for _, form := range forms(v) {
			if len(form) < minSecret {
				continue
			}
			if r.forms == nil {
				r.forms = make(map[string]bool)
			}
			r.forms[form] = true
		}
	}
	if len(r.forms) == before {
		return
	}
	// Of two secrets that begin alike, the longer one is replaced as a whole.
	longestFirst := slices.SortedFunc(maps.Keys(r.forms), func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, form := range longestFirst {
		pairs = append(pairs, form, Mask)
	}
	r.longest, r.replacer = longestFirst, strings.NewReplacer(pairs...)
}

// forms returns the forms that a value may have in text.
func forms(v string) []string {
	v = strings.TrimSpace(v)
	if len(v) < minSecret {
		return nil
	}
	quoted := strconv.Quote(v)
	asJSON, _ := json.Marshal(v)
	all := []string{
		v,
		quoted[1 : len(quoted)-1],
		string(asJSON[1 : len(asJSON)-1]),
		url.QueryEscape(v),
		url.PathEscape(v),
		base64.RawStdEncoding.EncodeToString([]byte(v)),
		base64.RawURLEncoding.EncodeToString([]byte(v)),
	}
	// A value of several lines, such as a key in PEM form, is logged line by line.
	if lines := strings.Split(v, "\n"); len(lines) > 1 {
		for _, line := range lines {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all
}

// Redact returns the visible text of s with [Mask] in place of each secret, also
// where line ends, with whatever stands around the rest of it, cut it into pieces, of
// what is left of one at either end of a line, and of pieces that look like no
// ordinary words.
func (r *Redactor) Redact(s string) string {
	r.mu.RLock()
	replacer, forms := r.replacer, r.longest
	r.mu.RUnlock()
	if replacer != nil {
		s = replacer.Replace(s)
		if visible := clean.Visible(s); visible != s { // what came between the parts of a secret is gone
			s = replacer.Replace(visible)
		}
		return Shapes(maskParts(s, forms))
	}
	return Shapes(clean.Visible(s))
}

// A shape matches what is secret by its form or by its name. The groups of its
// expression are kept: up to two before the secret and one after it.
type shape struct {
	expression func() *regexp.Regexp
	// hints are lower case words. Text without any of them cannot match, which is
	// faster to find out than by the expression.
	hints []string
}

// shapes are what [Shapes] masks.
var shapes = []shape{
	// The value of a header that holds credentials, to the end of the line or string.
	{lazily(`(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)(\\?["']?\s*[:=]\s*[\["'\\]*)[^\["'\\\]\s][^"'\\\]\r\n]{3,}`),
		[]string{"authorization", "cookie"}},
	// A credential after its scheme, which an English word is not: it has a digit or 24 characters.
	{lazily(`(?i)\b(bearer|basic|dpop)(\s+)(?:[a-z._~+/=-]*[0-9][\w.~+/=-]*|[\w.~+/=-]{24,})`),
		[]string{"bearer", "basic", "dpop"}},
	// A member, parameter or assignment whose name says that its value is secret.
	{lazily(`(?i)(api[_-]?key|secret|passw(?:or)?d|(?:access|refresh|id|auth)[_-]?token|code[_-]?verifier|private[_-]?key)([\w-]*\\?["']?\s*[:=]\s*\\?["']?)[^\s"'\\,;&<>{}$*]{8,}`),
		[]string{"key", "secret", "passw", "token", "verifier"}},
	{lazily(`(?i)([?&](?:code|token|key|sig|signature|device_code|assertion))(=)[^\s"'\\&#<>]+`),
		[]string{"?", "&"}},
	{lazily(`(?i)("token\\?)("\s*:\s*\\?")[^"\\]+`),
		[]string{`"token`}},
	// The userinfo of a URL.
	{lazily(`(://)()[^\s/?#@"'<>]+(@)`),
		[]string{"://"}},
	// JSON web tokens, and the well-known prefixes of tokens.
	{lazily(`()()\beyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*`),
		[]string{"eyj"}},
	{lazily(`()()\b(?:gh[pousr]_|github_pat_|glpat-|sk-|xox[abeprs]-|AKIA)[\w-]{12,}`),
		[]string{"gh", "glpat-", "sk-", "xox", "akia"}},
}

// lazily returns a function that compiles an expression once, when it is first
// needed, because compiling all of them would slow the start down.
func lazily(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// Shapes returns s with [Mask] in place of what looks like a credential.
func Shapes(s string) string {
	lower := strings.ToLower(s)
	for _, shape := range shapes {
		if slices.ContainsFunc(shape.hints, func(h string) bool { return strings.Contains(lower, h) }) {
			s = shape.expression().ReplaceAllString(s, "${1}${2}"+Mask+"${3}")
		}
	}
	return s
}
