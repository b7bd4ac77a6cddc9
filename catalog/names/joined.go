package names

import (
	"slices"
	"strings"
)

// separators stand between a server's and a tool's name, by the habits of hosts
// and models.
var separators = []string{"__", ".", ":", "/"}

// Split splits a name like "server.tool" or "mcp__server__tool" after the longest
// server's name that it begins with when folded. It returns that name as it is
// in servers. ok is false if there is none, or no tool's name after it.
func Split(joined string, servers []string) (server, tool string, ok bool) {
	if !slices.ContainsFunc(separators, func(sep string) bool { return strings.Contains(joined, sep) }) {
		return "", "", false // as most
	}
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
