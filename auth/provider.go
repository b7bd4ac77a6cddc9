package auth

import (
	"maps"
	"slices"
)

// A Provider is a built-in provider, whose endpoints are pinned in code so
// that no file and no server can change them.
type Provider string

// AnthropicMCP is the provider for the MCP services of a Claude account.
const AnthropicMCP Provider = "anthropic-mcp"

// AnthropicClientIDEnv is the environment variable with the client id for
// [AnthropicMCP], which this program does not contain.
const AnthropicClientIDEnv = "PROXY_ANTHROPIC_MCP_CLIENT_ID"

type builtin struct {
	authorizeURL, tokenURL, redirectURI string
	clientIDEnv                         string
}

var builtins = map[Provider]builtin{
	AnthropicMCP: {
		authorizeURL: "https://claude.ai/oauth/authorize",
		tokenURL:     "https://platform.claude.com/v1/oauth/token",
		redirectURI:  "http://localhost:53692/callback",
		clientIDEnv:  AnthropicClientIDEnv,
	},
}

// Providers lists the built-in providers.
func Providers() []Provider { return slices.Sorted(maps.Keys(builtins)) }

// Pinned returns the settings that p fixes, and the environment variable that
// holds the client id where the configuration does not. ok is false if p is no
// built-in provider.
func (p Provider) Pinned() (c Config, clientIDEnv string, ok bool) {
	b, ok := builtins[p]
	return Config{AuthorizeURL: b.authorizeURL, TokenURL: b.tokenURL, RedirectURI: b.redirectURI}, b.clientIDEnv, ok
}

// pinned returns c with the settings of its built-in provider.
func (c Config) pinned(getenv func(string) string) (Config, error) {
	b, ok := builtins[Provider(c.Provider)]
	if !ok {
		return c, nil
	}
	c.AuthorizeURL, c.TokenURL, c.RedirectURI = b.authorizeURL, b.tokenURL, b.redirectURI
	if c.ClientID == "" {
		c.ClientID = getenv(b.clientIDEnv)
	}
	if c.ClientID == "" {
		return c, missing("client_id", "or the environment variable "+b.clientIDEnv)
	}
	return c, nil
}
