package config

import (
	"strings"
	"unicode/utf8"

	"mcpproxy/proxy/redact"
)

// firstMark starts a private use plane of Unicode.
const firstMark = '\U000F0000'

// marks are the placeholders of a text that has one character, a mark, in place
// of each. Such a text can be cut at delimiters, which a placeholder's default
// may hold too.
type marks []placeholder

func isMark(r rune) bool { return r >= firstMark }

// restore puts the placeholders back. It changes the text between them with
// literal, and their defaults with fallback.
func (m marks) restore(s string, literal, fallback func(string) string) string {
	var out strings.Builder
	start := 0
	writeLiteral := func(end int) {
		if start < end {
			out.WriteString(literal(s[start:end]))
		}
	}
	for i, r := range s {
		if isMark(r) {
			writeLiteral(i)
			out.WriteString(m[r-firstMark].text(fallback))
			start = i + utf8.RuneLen(r)
		}
	}
	writeLiteral(len(s))
	return out.String()
}

// maskURL masks the userinfo, the values of the query and the fragment of a
// URL, which need not be valid.
func maskURL(s string) string {
	if strings.ContainsFunc(s, isMark) {
		return redact.Mask
	}
	var m marks
	s, err := expand(s, nil, func(p placeholder) (string, error) {
		m = append(m, p)
		return string(firstMark + rune(len(m)-1)), nil
	})
	if err != nil {
		return redact.Mask
	}
	mask := func(string) string { return redact.Mask }
	hide := func(s string) string { return m.restore(s, mask, mask) }
	show := func(s string) string { return m.restore(s, showLiteral, maskURL) }

	s, fragment, hasFragment := strings.Cut(s, "#")
	s, query, hasQuery := strings.Cut(s, "?")
	var out strings.Builder
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		out.WriteString(show(scheme) + "://")
		s = rest
	}
	host, path := s, ""
	if slash := strings.IndexByte(s, '/'); slash >= 0 {
		host, path = s[:slash], s[slash:]
	}
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		out.WriteString(hide(host[:at]) + "@")
		host = host[at+1:]
	}
	out.WriteString(show(host) + show(path))
	if hasQuery {
		out.WriteString("?" + maskQuery(query, hide, show))
	}
	if hasFragment {
		out.WriteString("#" + hide(fragment))
	}
	return out.String()
}

// maskQuery shows the names of a query's parameters and hides their values. A
// parameter without "=" is hidden.
func maskQuery(query string, hide, show func(string) string) string {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		if name, value, ok := strings.Cut(pair, "="); ok {
			pairs[i] = show(name) + "=" + hide(value)
		} else {
			pairs[i] = hide(pair)
		}
	}
	return strings.Join(pairs, "&")
}

// showLiteral masks only what looks like a credential. It escapes the text
// again, so that it still is no placeholder.
func showLiteral(s string) string {
	return strings.ReplaceAll(redact.Shapes(s), opening, "$"+opening)
}
