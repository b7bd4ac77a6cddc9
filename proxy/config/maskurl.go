package config

import (
	"strings"

	"mcpproxy/proxy/redact"
)

// firstHole starts a private use plane of Unicode.
const firstHole = '\U000F0000'

// A holed text has one character in place of each placeholder, so that it can
// be cut up at delimiters, which a placeholder's default may hold as well.
type holes []placeholder

// fill puts the placeholders back. The text between them becomes what literal
// makes of it, and so do their defaults of what fallback does.
func (h holes) fill(s string, literal, fallback func(string) string) string {
	var out strings.Builder
	for s != "" {
		at := strings.IndexFunc(s, isHole)
		if at < 0 {
			at = len(s)
		}
		if at > 0 {
			out.WriteString(literal(s[:at]))
		}
		s = s[at:]
		for _, r := range s {
			out.WriteString(h[r-firstHole].keep(fallback))
			s = s[len(string(r)):]
			break
		}
	}
	return out.String()
}

func isHole(r rune) bool { return r >= firstHole }

// maskURL masks the userinfo, the values of the query and the fragment of a
// URL, which with its placeholders need not be valid.
func maskURL(s string) string {
	if strings.ContainsFunc(s, isHole) {
		return redact.Mask
	}
	var h holes
	s, err := expand(s, nil, func(p placeholder) (string, error) {
		h = append(h, p)
		return string(firstHole + rune(len(h)-1)), nil
	})
	if err != nil {
		return redact.Mask
	}
	hide := func(s string) string {
		all := func(string) string { return redact.Mask }
		return h.fill(s, all, all)
	}
	show := func(s string) string { return h.fill(s, showLiteral, maskURL) }

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
		out.WriteString("?")
		for i, pair := range strings.Split(query, "&") {
			if i > 0 {
				out.WriteString("&")
			}
			if name, value, ok := strings.Cut(pair, "="); ok {
				out.WriteString(show(name) + "=" + hide(value))
			} else {
				out.WriteString(hide(pair))
			}
		}
	}
	if hasFragment {
		out.WriteString("#" + hide(fragment))
	}
	return out.String()
}

// showLiteral leaves text as it is, but for what looks like a credential. It
// is escaped again, so that it still is no placeholder.
func showLiteral(s string) string {
	return strings.ReplaceAll(redact.Shapes(s), opening, "$"+opening)
}
