package names

import "strings"

// Separators that hosts and models put between a server's and a tool's name.
var separators = []string{"__", ".", ":", "/"}

// Split takes a name like "server.tool" or "mcp__server__tool" apart, at
// the longest of the servers' names that fits.
func Split(joined string, servers []string) (server, tool string, ok bool) {
	rest := joined
	if len(rest) > 5 && Fold(rest[:5]) == "mcp__" {
		rest = rest[5:]
	}
	for _, name := range servers {
		if len(name) <= len(server) || len(name) >= len(rest) || Fold(rest[:len(name)]) != Fold(name) {
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
