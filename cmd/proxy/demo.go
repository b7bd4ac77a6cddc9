package main

import (
	"fmt"
	"os"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/urfave/cli/v2"

	"mcpproxy/cmd/proxy/demo"
)

func demoCommand(t *terminal) *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "show the whole product on embedded servers: no configuration, no network",
		Description: "Starts servers of its own (a child process, an HTTP service on loopback, and one\n" +
			"that needs a login), puts the proxy in front of them exactly as a host would, and\n" +
			"shows what a model sees and does.\n\n" +
			"Example:\n   proxy demo",
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0, "no arguments"); err != nil {
				return err
			}
			program, err := os.Executable()
			if err != nil {
				return err
			}
			if err := demo.Run(c.Context, demo.Options{Program: program, Out: t.out, Err: t.err}); err != nil {
				return err
			}
			_, err = fmt.Fprint(t.out, afterDemo)
			return err
		},
	}
}

// demoNotesCommand is the hidden command that makes this binary the demo's
// stdio server.
func demoNotesCommand() *cli.Command {
	return &cli.Command{
		Name:   demo.NotesCommand,
		Hidden: true,
		Action: func(c *cli.Context) error {
			return demo.NotesServer().Run(c.Context, &mcp.StdioTransport{})
		},
	}
}
