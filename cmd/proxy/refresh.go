package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"mcpproxy/proxy"
	"mcpproxy/proxy/config"
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
			return t.withServer(c, func(v *proxy.View, server *config.Server) error {
				err := t.await(c.Context, "refreshing the login to "+server.Name, func(ctx context.Context) error {
					return v.Refresh(ctx, server)
				})
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(t.out, "refreshed the login to %s\n", server.Name)
				return err
			})
		},
	}
}
