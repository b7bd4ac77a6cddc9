package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"mcpproxy/proxy"
)

func refreshCommand(t *terminal) *cli.Command {
	return &cli.Command{
		Name:      "refresh",
		Usage:     "refresh the access token of a server now",
		ArgsUsage: "NAME",
		Description: "Tokens are refreshed by themselves; this is for finding out whether that works.\n\n" +
			"Example:\n   proxy refresh linear",
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1, "the name of a server"); err != nil {
				return err
			}
			return t.withProxy(c, func(_ *setup, p *proxy.Proxy) error {
				name := c.Args().First()
				err := t.await(c.Context, "refreshing the login to "+name, func(ctx context.Context) error {
					return p.Refresh(ctx, name)
				})
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(t.out, "refreshed the login to %s\n", name)
				return err
			})
		},
	}
}
