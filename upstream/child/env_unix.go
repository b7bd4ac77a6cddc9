//go:build unix

package child

// baseEnv names what MCP clients pass to a server by convention, and what a
// program needs to speak the user's language.
var baseEnv = []string{"HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "LANG", "LANGUAGE", "TMPDIR", "TZ"}
