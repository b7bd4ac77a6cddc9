package egress

import (
	"net"
	"net/netip"
)

// A BlockedAddressError says that a host which must have a public address
// has another one.
type BlockedAddressError struct{ Address string }

func (e *BlockedAddressError) Error() string {
	return "address " + e.Address + " is not public, and the host is not listed by its exact name"
}

// notPublic are ranges of IANA's special-purpose registries for which netip
// has no predicate.
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

// nat64 addresses embed an IPv4 address in their last four bytes (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// isPublic reports whether everyone can reach addr. A hostile name gains
// nothing by leading there.
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

// checkAddress refuses an address that is not public. It is called with the
// resolved address when it is dialled, so that a later answer of the name
// server cannot differ from the one that was checked.
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
