package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"mcpproxy/proxy"
	"mcpproxy/proxy/config"
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
			return t.withServer(c, func(v *proxy.View, server *config.Server) error {
				var revoked bool
				err := t.await(c.Context, "logging out of "+server.Name, func(ctx context.Context) (err error) {
					revoked, err = v.Logout(ctx, server)
					return err
				})
				if err != nil {
					return err
				}
				how := "deleted here; the server could not be told"
				if revoked {
					how = "revoked and deleted"
				}
				_, err = fmt.Fprintf(t.out, "logged out of %s (%s)\n", server.Name, how)
				return err
			})
		},
	}
}
