package auth

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
