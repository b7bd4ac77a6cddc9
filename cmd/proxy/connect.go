package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"mcpproxy/proxy"
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
			return t.withProxy(c, func(_ *setup, p *proxy.Proxy) error {
				name := c.Args().First()
				var conn proxy.Connection
				err := t.await(c.Context, "connecting to "+name, func(ctx context.Context) (err error) {
					conn, err = p.Connect(ctx, name)
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
