package egress

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"mcpproxy/upstream/httpfail"
)

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestAllowlist(t *testing.T) {
	t.Parallel()
	r := Allowlist{Own: []*url.URL{mustURL(t, "https://up.example:8443/mcp")}}
	for _, entry := range []string{"as.example", "*.idp.example", "pinned.example:444", "*.deep.example:444", "10.0.0.1", "[::1]:9000", "localhost"} {
		rule, err := ParseRule(entry)
		if err != nil {
			t.Fatal(err)
		}
		r.Rules = append(r.Rules, rule)
	}
	const blocked, public, anywhere = "blocked", "public", "anywhere"
	for rawURL, want := range map[string]string{
		"https://up.example:8443/x":                anywhere, // its own origin
		"https://up.example/x":                     blocked,  // its own host, another port
		"https://as.example/":                      anywhere,
		"https://AS.example.:444/":                 anywhere, // any port
		"https://x.as.example/":                    blocked,
		"https://notas.example/":                   blocked,
		"https://a.idp.example/":                   public,
		"https://a.b.idp.example:1/":               public,
		"https://idp.example/":                     blocked, // not the host itself
		"https://aidp.example/":                    blocked,
		"https://idp.example.evil/":                blocked,
		"https://pinned.example:444/":              anywhere,
		"https://pinned.example/":                  blocked,
		"https://a.deep.example:444/":              public,
		"https://a.deep.example:445/":              blocked,
		"https://10.0.0.1/":                        anywhere,
		"https://10.0.0.2/":                        blocked,
		"http://10.0.0.1/":                         blocked, // plain http
		"http://[::1]:9000/":                       anywhere,
		"http://[::1]:9001/":                       blocked,
		"http://localhost:7/":                      anywhere,
		"http://a.idp.example/":                    blocked,
		"https://as.example@evil.example/":         blocked,
		"https://evil.example/?https://as.example": blocked,
		"ftp://as.example/":                        blocked,
		"https:///as.example":                      blocked,
	} {
		got := blocked
		if any, err := r.admit(mustURL(t, rawURL)); err == nil {
			if got = public; any {
				got = anywhere
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", rawURL, got, want)
		}
	}
}

func TestRuleSyntax(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "*", "*.", "**.x", "a.*.x", "https://x", "x/y", "x:", "x y", "me@x", "*.10.0.0.1", "x?y", "x#y"} {
		if r, err := ParseRule(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, r)
		}
	}
}

func TestIsPublic(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{
		"1.1.1.1": true, "2606:4700::1111": true, "64:ff9b::1.1.1.1": true,
		"127.0.0.1": false, "127.9.9.9": false, "::1": false, "::ffff:127.0.0.1": false,
		"10.1.1.1": false, "172.16.0.1": false, "192.168.1.1": false, "fd00::1": false,
		"169.254.169.254": false, "fe80::1": false, "fe80::1%eth0": false, "::ffff:169.254.169.254": false,
		"0.0.0.0": false, "::": false, "0.1.2.3": false, "255.255.255.255": false, "224.0.0.1": false, "ff02::1": false,
		"100.64.0.1": false, "198.18.0.1": false, "240.0.0.1": false,
		"64:ff9b::10.0.0.1": false, "64:ff9b:1::1": false, "2002:0a00:0001::1": false, "2001::1": false, "fec0::1": false,
	} {
		if got := isPublic(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
}

// A host that only a wildcard lists resolves to this machine, and is refused
// when it is dialled.
func TestWildcardNameLeadsHome(t *testing.T) {
	t.Parallel()
	resolver := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nameServer(t, [4]byte{127, 0, 0, 1}), nil
	}}
	rule, err := ParseRule("*.corp.example")
	if err != nil {
		t.Fatal(err)
	}
	dialer := publicDialer()
	dialer.Resolver = resolver
	transport := newTransport(dialer)
	transport.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	client := Transports{http.DefaultTransport, transport, new(httpfail.Sender)}.Client(Allowlist{Rules: []Rule{rule}})
	_, err = client.Get("https://rebind.corp.example/")
	e, ok := errors.AsType[*BlockedAddressError](err)
	if !ok || e.Address != "127.0.0.1" {
		t.Errorf("%v, want a BlockedAddressError", err)
	}
}

// nameServer answers every question with that address.
func nameServer(t *testing.T, address [4]byte) net.Conn {
	client, server := net.Pipe()
	t.Cleanup(func() { client.Close(); server.Close() })
	go func() {
		for {
			size := make([]byte, 2) // a pipe is a stream: DNS over TCP
			if _, err := server.Read(size); err != nil {
				return
			}
			b := make([]byte, int(size[0])<<8|int(size[1]))
			if _, err := server.Read(b); err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(b) != nil {
				return
			}
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
					Body:   &dnsmessage.AResource{A: address},
				}}
			}
			packed, err := m.Pack()
			if err != nil {
				return
			}
			server.SetWriteDeadline(time.Now().Add(5 * time.Second))
			if _, err := server.Write(append([]byte{byte(len(packed) >> 8), byte(len(packed))}, packed...)); err != nil {
				return
			}
		}
	}()
	return client
}

func FuzzRule(f *testing.F) {
	for _, seed := range []string{"a.example", "*.a.example:1", "[::1]:2", "10.0.0.1", "*", "a:b:c"} {
		f.Add(seed, "https://x.a.example:1/")
	}
	f.Fuzz(func(t *testing.T, entry, rawURL string) {
		rule, err := ParseRule(entry)
		u, urlErr := url.Parse(rawURL)
		if err != nil || urlErr != nil {
			return
		}
		if rule.host == "" {
			t.Errorf("%q lists the empty host", entry)
		}
		if rule.matches(u) && !rule.wildcard && hostName(u) != rule.host {
			t.Errorf("%q matches %s", entry, rawURL)
		}
	})
}
