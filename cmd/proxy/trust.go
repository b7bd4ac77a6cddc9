package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"mcpproxy/proxy/config"
)

func trustCommand(t *terminal) *cli.Command {
	return &cli.Command{
		Name:      "trust",
		Usage:     "allow the servers of a project's .proxy/mcp.json",
		ArgsUsage: "[DIR]",
		Description: "Prints what the file would run and read, and allows exactly that file: once it\n" +
			"changes, it has to be trusted again. DIR is the working directory by default.\n\n" +
			"Example:\n   proxy trust",
		Flags: []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 1, "at most one folder"); err != nil {
				return err
			}
			s, err := t.open(c)
			if err != nil {
				return err
			}
			defer s.close()
			dir := t.dir
			if c.Args().Present() {
				dir = c.Args().First()
			}
			report, err := config.Trust(c.Context, dir, s.load.StateDir)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return t.json(report)
			}
			return t.printTrust(report)
		},
	}
}

// printTrust prints what was allowed.
func (t *terminal) printTrust(r config.TrustReport) error {
	fmt.Fprintf(t.out, "trusted %s\n", r.File)
	for _, server := range r.Servers {
		fmt.Fprintf(t.out, "\n%s\n", server.Name)
		line := func(what string, items ...string) {
			for _, item := range items {
				if item != "" {
					fmt.Fprintf(t.out, "  %-11s %s\n", what, item)
				}
			}
		}
		line("runs", server.Command)
		line("in", server.Cwd)
		line("sets", server.Environment...)
		line("contacts", server.URLs...)
		line("may contact", server.Hosts...)
		line("sends", server.Headers...)
		line("reads", server.Variables...)
	}
	for _, p := range r.Problems {
		t.say("proxy: %s", p)
	}
	return nil
}
