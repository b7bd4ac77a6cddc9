package egress

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
)

var (
	errNotHTTPS = errors.New("must be https, or http on a loopback address")
	ErrNotURL   = errors.New("is not an absolute URL")
	errUserinfo = errors.New("must not hold a user name or password")
	errFragment = errors.New("must not have a fragment")
)

// CheckURL checks a URL as every URL of OAuth must be: https, or http on
// loopback (OAuth 2.1 section 1.5), without user name, password and
// fragment.
func CheckURL(u *url.URL) error {
	switch {
	case u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return ErrNotURL
	case u.User != nil:
		return errUserinfo
	case u.Fragment != "":
		return errFragment
	case u.Scheme == "https", u.Scheme == "http" && IsLoopback(u.Hostname()):
		return nil
	}
	return errNotHTTPS
}

// ParseURL parses s and checks it with [CheckURL].
func ParseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, ErrNotURL // the error of the parser contains s, which may hold a secret
	}
	return u, CheckURL(u)
}

// IsLoopback reports whether host is "localhost" or a loopback address.
func IsLoopback(host string) bool {
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

func SameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && hostName(a) == hostName(b) && portOf(a) == portOf(b)
}
