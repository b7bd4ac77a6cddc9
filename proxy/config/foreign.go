package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// What another host would substitute is named and never passed on:
//
//   - ${NAME}, ${input:x} and the like, {env:NAME} and {file:PATH} anywhere;
//   - $NAME and %NAME% as the whole value, and at the start of a command or cwd;
//   - in the value of a header, $NAME, $name and %NAME% that are a whole word, or
//     its end after "-", "=" or ":";
//   - in a URL, the same in a value of the query, in a segment of the path and
//     anywhere in the host. A segment $name is an operation of OData or FHIR and a
//     parameter $name one of OData, so that these count in capitals only, as does a
//     user name or password.
//
// ${env:NONE:-$NAME} stands for the text itself.

// foreign matches what follows opening in a placeholder of another host.
var foreign = sync.OnceValue(func() *regexp.Regexp {
	// What a shell writes there without a name, as in ${1} or ${#x}, is none.
	return regexp.MustCompile(`^(\s*[A-Za-z_/{](?:[^:}]|:[^-}])*)(?::-[^}]*)?\}`)
})

// foreignWhole matches a value that is a variable as other hosts, and the shells
// that they resemble, write one. A "$" within a password is none of it.
var foreignWhole = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:(?i:bearer|basic|token) +)?(\$(?:env:)?([A-Z_][A-Z0-9_]{0,40}))$|^(%([A-Za-z_][A-Za-z0-9_()]{0,40})%)$`)
})

// foreignPart matches a placeholder of another host that does not begin with "$".
var foreignPart = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[^$])\{(env|file):([^{}\s]+)\}`)
})

// A foreignError says that a text holds a placeholder of another host.
type foreignError struct {
	text string // such as ${API_KEY}, ${input:key} or {env:API_KEY}
	name string // of the variable, if it is one
	rest string // what follows it in the text
}

func (e *foreignError) Error() string { return e.text + " is not known" }

// hint says how to write what was meant, and the text itself.
func (e *foreignError) hint() string {
	escaped := strings.HasPrefix(e.text, opening)
	switch named := validVariable(e.name); {
	case named && escaped:
		return fmt.Sprintf("write ${env:%s}, or $%s for the text itself", e.name, e.text)
	case named && !strings.HasPrefix(e.text, "{"):
		return fmt.Sprintf("write ${env:%s}, or ${env:NONE:-%s} for the text itself", e.name, e.text)
	case named:
		return fmt.Sprintf("write ${env:%s}, whose value may be such a text", e.name)
	case escaped:
		return "only ${env:NAME} is substituted; for the text itself write $" + e.text
	}
	return "only ${env:NAME} is substituted, whose value may be such a text"
}

func (e *foreignError) fault(field string) *fault {
	return serverFault(field, fmt.Sprintf("has %s in %q, which would be passed on as it is", e.text, field), e.hint())
}

// foreignIn returns what of s another host would substitute and does not begin
// with opening, or nil.
func foreignIn(s string) error {
	if !strings.ContainsAny(s, "$%{") {
		return nil
	}
	if m := foreignWhole().FindStringSubmatch(s); m != nil {
		return &foreignError{text: m[1] + m[3], name: m[2] + m[4]}
	}
	m := foreignPart().FindStringSubmatch(s)
	if m == nil {
		return nil
	}
	found := &foreignError{text: "{" + m[1] + ":" + foreignName(m[2]) + "}"}
	if m[1] == "env" {
		found.name = foreignName(m[2])
	}
	return found
}

// variable is a variable as a shell, PowerShell or a batch file writes it.
const variable = `(\$(?:env:)?[A-Za-z_][A-Za-z0-9_]{0,60}|%[A-Za-z_][A-Za-z0-9_]{0,60}%)`

var (
	variableOfWord = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:^|[\s=:"'-])` + variable + `(?:$|[\s,;"'])`)
	})
	variableOfPart = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?:^|[\s=:-])` + variable + `(?:$|[\s,;&])`) })
	variableOfHost = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(variable) })
	inCapitals     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:\$[A-Z_][A-Z0-9_]*|%[A-Za-z_]\w*%)$`) })
)

// foreignWords returns the variables of another host in a text of words.
func foreignWords(s string) []*foreignError { return foreignMatches(variableOfWord(), s) }

func foreignMatches(e *regexp.Regexp, s string) (found []*foreignError) {
	if !strings.ContainsAny(s, "$%") {
		return nil
	}
	for len(found) < maxProblems {
		m := e.FindStringSubmatchIndex(s)
		if m == nil {
			break
		}
		text := s[m[2]:m[3]]
		found = append(found, &foreignError{text: text, name: strings.TrimPrefix(strings.Trim(text, "$%"), "env:")})
		s = s[m[3]:] // what follows it may come before the next one, too
	}
	return found
}

// foreignOfURL returns the variables of another host in a URL.
func foreignOfURL(s string) (found []*foreignError) {
	if !strings.ContainsAny(s, "$%") {
		return nil
	}
	s, _, _ = strings.Cut(s, "#")
	s, query, _ := strings.Cut(s, "?")
	if _, rest, ok := strings.Cut(s, "://"); ok {
		s = rest
	}
	host, path, _ := strings.Cut(s, "/")
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		for part := range strings.SplitSeq(host[:at], ":") {
			found = append(found, capitals(part)...)
		}
		host = host[at+1:]
	}
	found = append(found, foreignMatches(variableOfHost(), host)...)
	for segment := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(segment, "$") {
			found = append(found, capitals(segment)...)
		} else {
			found = append(found, foreignMatches(variableOfPart(), segment)...)
		}
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, isPair := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(value); err == nil {
			value = plain
		}
		switch {
		case !isPair:
			found = append(found, capitals(pair)...)
		case !strings.HasPrefix(name, "$"):
			found = append(found, foreignMatches(variableOfPart(), value)...)
		}
	}
	return found[:min(len(found), maxProblems)]
}

// capitals returns the variable that a part of a URL is as a whole.
func capitals(part string) []*foreignError {
	if !inCapitals().MatchString(part) {
		return nil
	}
	return foreignMatches(variableOfHost(), part)
}

// addresses are the fields that hold a URL.
var addresses = []string{
	"url", "oauth.authorize_url", "oauth.token_url", "oauth.device_authorization_endpoint", "oauth.revocation_url",
	"oauth.issuer", "oauth.client_metadata_url", "oauth.redirect_uri", "oauth.resource",
}

// foreignInside returns the variables of another host that are parts of the
// value of a field, which no other rule refuses.
func foreignInside(field, s string) []*foreignError {
	// What comes from the environment is no such variable, whatever it looks like.
	plain, err := expand(s, nil, func(placeholder) (string, error) { return "x", nil })
	switch {
	case err != nil:
		return nil
	case slices.Contains(addresses, field):
		return foreignOfURL(plain)
	case strings.HasPrefix(field, "headers."):
		return foreignWords(plain)
	}
	return nil
}

// foreignName cuts a name before what may be more than a name.
func foreignName(text string) string {
	odd := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_.:-/ ~", r))
	}
	const most = 40 // characters
	if i := strings.IndexFunc(text, odd); i >= 0 {
		text = text[:i] + "…"
	}
	if len(text) > most {
		text = text[:most] + "…"
	}
	return text
}
