package config

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"mcpproxy/upstream"
)

// transportHeaders belong to HTTP itself or to MCP's transport (MCP
// 2025-11-25 and 2026-07-28, basic/transports) and are set by the connection.
// They are in canonical form.
var transportHeaders = []string{
	"Accept", "Accept-Encoding", "Connection", "Content-Encoding", "Content-Length", "Content-Type",
	"Expect", "Host", "Keep-Alive", "Last-Event-Id", "Mcp-Method", "Mcp-Name", "Mcp-Protocol-Version",
	"Mcp-Session-Id", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// paramHeaders start the names of the headers that carry a tool's arguments
// (MCP 2026-07-28, basic/transports).
const paramHeaders = "Mcp-Param-"

func (c checker) headers(found report) {
	seen := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		field := join("headers", name)
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case !isToken(name):
			found(serverFault(field, fmt.Sprintf("has header %q, which is no valid name", name), "use letters, digits and hyphens"))
		case slices.Contains(transportHeaders, canonical) || strings.HasPrefix(canonical, paramHeaders):
			found(serverFault(field, fmt.Sprintf("sets header %q, which belongs to the transport", name), "remove it"))
			continue
		case canonical == "Authorization" && c.OAuth != nil && c.Type != upstream.SSE:
			found(serverFault(field, fmt.Sprintf("has both \"oauth\" and header %q", name), "keep one of them"))
		case seen[canonical] != "":
			found(serverFault(field, fmt.Sprintf("has headers %q and %q, which are the same", seen[canonical], name), "keep one of them"))
		}
		if strings.ContainsFunc(c.Headers[name], isControl) {
			found(serverFault(field, fmt.Sprintf("has a line end or control character in the value of header %q", name), "remove it; a file's last line end may have come with the value"))
		}
		seen[canonical] = name
	}
}

// isToken reports whether s is a token (RFC 9110, section 5.6.2), which the
// name of a header is.
func isToken(s string) bool {
	const signs = "!#$%&'*+-.^_`|~"
	bad := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(signs, r))
	}
	return s != "" && !strings.ContainsFunc(s, bad)
}

// isControl reports whether r may not stand in a header's value (RFC 9110,
// section 5.5).
func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// Compiled when a header is first checked, to keep the start of the proxy short.
var (
	secretName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)auth|token|secret|passw|pwd|key|cookie|credential|session|signature`)
	})
	secretValue = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)^(bearer|basic|dpop)\s`)
	})
)

// secretHeader reports whether a header looks like a credential.
func secretHeader(name, value string) bool {
	return secretName().MatchString(name) || secretValue().MatchString(value)
}
