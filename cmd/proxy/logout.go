package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"mcpproxy/proxy"
)

func logoutCommand(t *terminal) *cli.Command {
	return &cli.Command{
		Name:        "logout",
		Usage:       "revoke and delete the login to a server",
		ArgsUsage:   "NAME",
		Description: "Example:\n   proxy logout linear",
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1, "the name of a server"); err != nil {
				return err
			}
			return t.withProxy(c, func(_ *setup, p *proxy.Proxy) error {
				name := c.Args().First()
				var revoked bool
				err := t.await(c.Context, "logging out of "+name, func(ctx context.Context) (err error) {
					revoked, err = p.Logout(ctx, name)
					return err
				})
				if err != nil {
					return err
				}
				how := "deleted here; the server could not be told"
				if revoked {
					how = "revoked and deleted"
				}
				_, err = fmt.Fprintf(t.out, "logged out of %s (%s)\n", name, how)
				return err
			})
		},
	}
}
