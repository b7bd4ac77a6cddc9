package egress_test

import (
	"errors"
	"fmt"
	"net/url"

	"mcpproxy/auth/egress"
)

// Metadata may name any host, but only listed hosts may be contacted.
func ExampleAllowlist() {
	rule, err := egress.ParseRule("*.idp.example")
	if err != nil {
		panic(err)
	}
	list := egress.Allowlist{
		Own:   []*url.URL{{Scheme: "https", Host: "mcp.example"}},
		Rules: []egress.Rule{rule},
	}
	for _, s := range []string{
		"https://mcp.example/mcp",
		"https://login.idp.example/token",
		"http://login.idp.example/token",
		"https://evil.example/token",
	} {
		u, err := egress.ParseURL(s)
		if err == nil {
			err = list.Check(u)
		}
		fmt.Println(s, err)
		if blocked, ok := errors.AsType[*egress.BlockedHostError](err); ok {
			fmt.Println(blocked.Line)
		}
	}
	// Output:
	// https://mcp.example/mcp <nil>
	// https://login.idp.example/token <nil>
	// http://login.idp.example/token must be https, or http on a loopback address
	// https://evil.example/token evil.example is not in oauth.discovery_allowlist
	// "discovery_allowlist": ["*.idp.example","evil.example"]
}
