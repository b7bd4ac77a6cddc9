package proxy

import "strings"

// Separators that hosts and models put between a server's and a tool's name.
var separators = []string{"__", ".", ":", "/"}

// splitJoined takes a name like "server.tool" or "mcp__server__tool" apart, at
// the longest of the servers' names that fits.
func splitJoined(joined string, servers []string) (server, tool string, ok bool) {
	rest := joined
	if len(rest) > 5 && fold(rest[:5]) == "mcp__" {
		rest = rest[5:]
	}
	for _, name := range servers {
		if len(name) <= len(server) || len(name) >= len(rest) || fold(rest[:len(name)]) != fold(name) {
			continue
		}
		for _, sep := range separators {
			if t, found := strings.CutPrefix(rest[len(name):], sep); found && t != "" {
				server, tool, ok = name, t, true
				break
			}
		}
	}
	return server, tool, ok
}
