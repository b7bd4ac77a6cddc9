package redact

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Mask stands for a secret.
const Mask = "***"

// minSecret is the length in bytes below which a value is not masked by
// itself: it would be found in innocent words.
const minSecret = 8

// A Redactor takes secrets out of text: values that it was told of, in any of
// the forms in which they travel, and what looks like a credential. The zero
// value is ready; it is safe for concurrent use.
type Redactor struct {
	mu       sync.RWMutex
	forms    map[string]bool
	replacer *strings.Replacer // of forms
}

// Add makes the values, each of at least 8 bytes, unprintable from now on.
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
	var pairs []string
	for form := range r.forms {
		pairs = append(pairs, form)
	}
	// Of two secrets that begin alike, the longer one must go as a whole.
	slices.SortFunc(pairs, func(a, b string) int { return len(b) - len(a) })
	for i := len(pairs) - 1; i >= 0; i-- {
		pairs = slices.Insert(pairs, i+1, Mask)
	}
	r.replacer = strings.NewReplacer(pairs...)
}

// forms returns the ways in which a value may appear in text.
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
	// A key in PEM form, for one, is logged line by line.
	if lines := strings.Split(v, "\n"); len(lines) > 1 {
		for _, line := range lines {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all
}

// Redact returns s with each secret replaced by "***".
func (r *Redactor) Redact(s string) string {
	r.mu.RLock()
	replacer := r.replacer
	r.mu.RUnlock()
	if replacer != nil {
		s = replacer.Replace(s)
	}
	return Shapes(s)
}

// A shape matches what is secret by its look or by its name. What its groups
// hold is kept, up to two before the secret and one after it.
type shape struct {
	expression func() *regexp.Regexp
	// hints are the lower case words of which text must hold one to match, as
	// most text holds none and is passed on without more work.
	hints []string
}

var shapes = []shape{
	// A whole header of credentials, up to the end of the line or string.
	{lazily(`(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)(\\?["']?\s*[:=]\s*[\["'\\]*)[^\["'\\\]\s][^"'\\\]\r\n]{3,}`),
		[]string{"authorization", "cookie"}},
	// A credential after its scheme, told from English words by a digit or its length.
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

// lazily compiles an expression when it is first needed: the proxy's start is
// no time for it.
func lazily(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

func Shapes(s string) string {
	lower := strings.ToLower(s)
	for _, shape := range shapes {
		if slices.ContainsFunc(shape.hints, func(h string) bool { return strings.Contains(lower, h) }) {
			s = shape.expression().ReplaceAllString(s, "${1}${2}"+Mask+"${3}")
		}
	}
	return s
}
