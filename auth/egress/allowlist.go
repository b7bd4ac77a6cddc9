package egress

import (
	"encoding/json"
	"errors"
	"net/netip"
	"net/url"
	"strings"
)

// A Rule is one entry of the allowlist: a host, with "*." in front for its
// subdomains without the host itself, and with ":port" behind to fix the
// port.
type Rule struct {
	entry    string // as written
	host     string // lower case, without the final dot
	port     string // empty: any
	wildcard bool
}

var errRule = errors.New(`must be a host name, with "*." for its subdomains and ":port" to pin the port`)

// ParseRule reads one entry of oauth.discovery_allowlist.
func ParseRule(entry string) (Rule, error) {
	r := Rule{entry: entry}
	rest := entry
	if after, ok := strings.CutPrefix(rest, "*."); ok {
		r.wildcard, rest = true, after
	}
	if addr, err := netip.ParseAddr(strings.Trim(rest, "[]")); err == nil && !r.wildcard {
		r.host = addr.String()
		return r, nil
	}
	u, err := url.Parse("//" + rest)
	if err != nil || u.Host != rest || strings.ContainsAny(rest, "*@ ") || hostName(u) == "" || strings.HasSuffix(rest, ":") {
		return Rule{}, errRule
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil && r.wildcard {
		return Rule{}, errRule
	}
	r.host, r.port = hostName(u), u.Port()
	return r, nil
}

func (r Rule) matches(u *url.URL) bool {
	if r.port != "" && r.port != portOf(u) {
		return false
	}
	if r.wildcard {
		return strings.HasSuffix(hostName(u), "."+r.host)
	}
	return hostName(u) == r.host
}

// An Allowlist says which hosts may be contacted on behalf of one server. The
// zero value allows none.
type Allowlist struct {
	Own   []*url.URL // the upstream and the endpoints that the configuration names
	Rules []Rule     // oauth.discovery_allowlist
}

// A BlockedHostError says that a host is not on the allowlist. Nothing was
// sent to it.
type BlockedHostError struct {
	Host string // with a port if it is not the scheme's own
	Line string // the line of configuration that would allow it
}

func (e *BlockedHostError) Error() string {
	return e.Host + " is not in oauth.discovery_allowlist"
}

// Check reports whether u may be contacted. The error is a
// [*BlockedHostError], or that of [CheckURL].
func (l Allowlist) Check(u *url.URL) error {
	_, err := l.admit(u)
	return err
}

// admit is Check, and also reports whether u may be contacted at any
// address. A host that only a wildcard lists may only have public addresses,
// because the owner of the zone could point it at the private network of the
// user.
func (l Allowlist) admit(u *url.URL) (anyAddress bool, err error) {
	if err := CheckURL(u); err != nil {
		return false, err
	}
	for _, own := range l.Own {
		if SameOrigin(own, u) {
			return true, nil
		}
	}
	var wild bool
	for _, rule := range l.Rules {
		if rule.matches(u) {
			if !rule.wildcard {
				return true, nil
			}
			wild = true
		}
	}
	if wild {
		return false, nil
	}
	return false, l.blocked(u)
}

func (l Allowlist) blocked(u *url.URL) error {
	host := strings.ToLower(u.Host)
	var list []string
	for _, rule := range l.Rules {
		list = append(list, rule.entry)
	}
	line, err := json.Marshal(append(list, host))
	if err != nil {
		return err
	}
	return &BlockedHostError{Host: host, Line: `"discovery_allowlist": ` + string(line)}
}
