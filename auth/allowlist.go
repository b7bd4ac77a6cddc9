package auth

import (
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// A hostRule is one entry of the allowlist: a host, "*." before it for its
// subdomains (not the host itself), and ":port" behind it to pin the port.
type hostRule struct {
	host     string // lower case, without the final dot
	port     string // empty: any
	wildcard bool
}

var errHostRule = errors.New(`must be a host name, with "*." for its subdomains and ":port" to pin the port`)

// parseHostRule reads one entry of oauth.discovery_allowlist.
func parseHostRule(entry string) (hostRule, error) {
	var r hostRule
	rest := entry
	if after, ok := strings.CutPrefix(rest, "*."); ok {
		r.wildcard, rest = true, after
	}
	if addr, err := netip.ParseAddr(strings.Trim(rest, "[]")); err == nil && !r.wildcard {
		return hostRule{host: addr.String()}, nil
	}
	u, err := url.Parse("//" + rest)
	if err != nil || u.Host != rest || strings.ContainsAny(rest, "*@ ") || hostName(u) == "" || strings.HasSuffix(rest, ":") {
		return hostRule{}, errHostRule
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil && r.wildcard {
		return hostRule{}, errHostRule
	}
	r.host, r.port = hostName(u), u.Port()
	return r, nil
}

func (r hostRule) matches(u *url.URL) bool {
	if r.port != "" && r.port != portOf(u) {
		return false
	}
	if r.wildcard {
		return strings.HasSuffix(hostName(u), "."+r.host)
	}
	return hostName(u) == r.host
}

// A reach says which hosts may be contacted on behalf of one server.
type reach struct {
	own   []*url.URL // the upstream and the endpoints that the configuration names
	rules []hostRule
	list  []string // the rules as written
}

// admit reports whether u may be contacted, and if so whether at any address:
// a name that only a wildcard matches may lead to public addresses alone,
// since whoever owns the zone can point it at the person's own network.
func (r reach) admit(u *url.URL) (anyAddress bool, err error) {
	if err := checkURL(u); err != nil {
		return false, err
	}
	for _, own := range r.own {
		if sameOrigin(own, u) {
			return true, nil
		}
	}
	var wild bool
	for _, rule := range r.rules {
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
	return false, r.blocked(u)
}

func (r reach) blocked(u *url.URL) error {
	host := strings.ToLower(u.Host)
	list := append(append([]string{}, r.list...), host)
	line, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return &BlockedHostError{Host: host, Line: `"discovery_allowlist": ` + string(line)}
}

var (
	errNotHTTPS   = errors.New("must be https, or http on a loopback address")
	errNotURL     = errors.New("is not an absolute URL")
	errUserinfo   = errors.New("must not hold a user name or password")
	errFragment   = errors.New("must not have a fragment")
	errNoRedirect = errors.New("redirects are not followed here")
)

// checkURL holds for every URL of OAuth: https, or http on loopback (OAuth 2.1
// section 1.5), no userinfo, no fragment.
func checkURL(u *url.URL) error {
	switch {
	case u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return errNotURL
	case u.User != nil:
		return errUserinfo
	case u.Fragment != "":
		return errFragment
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return errNotHTTPS
}

// parseURL is url.Parse and checkURL.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, errNotURL // the parser's own error would repeat what may hold a secret
	}
	return u, checkURL(u)
}

// isLoopback reports whether host is "localhost" or a loopback address.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

func hostName(u *url.URL) string {
	return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && hostName(a) == hostName(b) && portOf(a) == portOf(b)
}

// notPublic are the ranges of IANA's special-purpose registries that netip has
// no predicate for.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),      // RFC 791, "this network"
	netip.MustParsePrefix("100.64.0.0/10"),  // RFC 6598, carrier-grade NAT
	netip.MustParsePrefix("192.0.0.0/24"),   // RFC 6890
	netip.MustParsePrefix("198.18.0.0/15"),  // RFC 2544
	netip.MustParsePrefix("240.0.0.0/4"),    // RFC 1112, with the broadcast address
	netip.MustParsePrefix("64:ff9b:1::/48"), // RFC 8215, local NAT64
	netip.MustParsePrefix("2002::/16"),      // RFC 3056, 6to4: embeds any IPv4 address
	netip.MustParsePrefix("2001::/32"),      // RFC 4380, Teredo: likewise
	netip.MustParsePrefix("fec0::/10"),      // RFC 3879, site-local
}

// nat64 embeds an IPv4 address in its last four bytes (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// isPublic reports whether addr is reachable by everyone, so that contacting
// it gives a hostile name nothing that it could not reach by itself.
func isPublic(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if nat64.Contains(addr) {
		b := addr.As16()
		addr = netip.AddrFrom4([4]byte(b[12:]))
	}
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(addr) {
			return false
		}
	}
	return true
}

// checkAddress refuses to connect to an address that is not public. It sees
// the address itself, after the name was resolved, so that no later answer of
// a name server can differ from the one that was checked.
func checkAddress(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return &BlockedAddressError{Address: address}
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || !isPublic(addr) {
		return &BlockedAddressError{Address: host}
	}
	return nil
}
