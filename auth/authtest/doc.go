// Package authtest is a small OAuth authorization server and protected
// resource for tests and the demo, with switches for the faults that real
// ones show. It keeps everything in memory and listens on loopback only.
//
// It implements RFC 6749 (authorization code and refresh token grants),
// RFC 7009, RFC 7591, RFC 7636 (S256 only), RFC 7662, RFC 8252 section 7.3,
// RFC 8414, RFC 8628, RFC 8707, RFC 9207, RFC 9728 and Client ID Metadata
// Documents, as far as an MCP client meets them. Refresh tokens rotate, and
// the use of an old one revokes the grant.
package authtest
