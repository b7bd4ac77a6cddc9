package e2e

import (
	_ "github.com/BurntSushi/toml"
	_ "github.com/chromedp/chromedp"
	_ "github.com/gofrs/flock"
	_ "github.com/google/jsonschema-go/jsonschema"
	_ "github.com/google/renameio/v2"
	_ "github.com/jmespath/go-jmespath"
	_ "github.com/mdp/qrterminal/v3"
	_ "github.com/modelcontextprotocol/go-sdk/mcp"
	_ "github.com/pkg/browser"
	_ "github.com/sony/gobreaker/v2"
	_ "github.com/tailscale/hujson"
	_ "github.com/urfave/cli/v2"
	_ "github.com/zalando/go-keyring"
	_ "golang.org/x/net/html"
	_ "golang.org/x/oauth2"
	_ "golang.org/x/sync/errgroup"
	_ "golang.org/x/sys/unix"
	_ "golang.org/x/term"
)
