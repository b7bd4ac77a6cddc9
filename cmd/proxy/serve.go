package main

import (
	"io"

	"github.com/urfave/cli/v2"

	"mcpproxy/proxy"
)

func serveCommand(t *terminal) *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "be the MCP server that a host starts: JSON-RPC on stdin and stdout",
		Description: "Example, as a host's configuration says it:\n" +
			"   {\"mcpServers\": {\"proxy\": {\"command\": \"proxy\", \"args\": [\"serve\"]}}}",
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0, "no arguments"); err != nil {
				return err
			}
			return serve(c, t)
		},
	}
}

// serve ends when the host closes stdin or the process is asked to end;
// either way nothing that it started is left.
func serve(c *cli.Context, t *terminal) error {
	return t.withSession(c, proxy.SessionOptions{}, func(s *setup, session *proxy.Session) error {
		for _, problem := range s.config.Problems {
			s.log.Error("configuration", "problem", problem)
		}
		err := session.Serve(c.Context, t.in, writeCloser{t.out})
		if c.Context.Err() != nil {
			return nil // asked to end, and ended
		}
		return err
	})
}

// writeCloser leaves the closing of stdout to the process.
type writeCloser struct{ io.Writer }

func (writeCloser) Close() error { return nil }
