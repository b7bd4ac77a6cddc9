package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"mcpproxy/proxy"
	"mcpproxy/proxy/config"
)

func connectCommand(t *terminal) *cli.Command {
	return &cli.Command{
		Name:        "connect",
		Usage:       "connect to a server and say what it is",
		ArgsUsage:   "NAME",
		Description: "Example:\n   proxy connect github",
		Flags:       []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1, "the name of a server"); err != nil {
				return err
			}
			// What the server says of its start is shown while it starts: it may
			// ask the person for something.
			o := proxy.SessionOptions{Patient: true, Stderr: t.sayOf}
			return t.withServerOf(c, o, func(v *proxy.View, server *config.Server) error {
				var conn proxy.Connection
				err := t.await(c.Context, "connecting to "+server.Name, func(ctx context.Context) (err error) {
					conn, err = v.Connect(ctx, server)
					return err
				})
				if err != nil {
					return err
				}
				if c.Bool("json") {
					return t.json(conn)
				}
				_, err = fmt.Fprintf(t.out, "%s: connected to %s, MCP %s, %d tools\n",
					conn.Server, strings.TrimSpace(conn.Name+" "+conn.Version), conn.Protocol, conn.Tools)
				return err
			})
		},
	}
}
