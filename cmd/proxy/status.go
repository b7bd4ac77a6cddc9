package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"mcpproxy/proxy"
)

func statusCommand(t *terminal) *cli.Command {
	return &cli.Command{
		Name:      "status",
		Usage:     "say what is known of each server, without connecting",
		ArgsUsage: "[NAME]",
		Description: "Live connections belong to each running proxy; ask those through the status\n" +
			"action of the mcp tool.\n\n" +
			"Examples:\n   proxy status\n   proxy status github --json",
		Flags: []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 1, "at most the name of a server"); err != nil {
				return err
			}
			return t.withView(c, func(s *setup, v *proxy.View) error {
				server, err := optional(v, c.Args().First())
				if err != nil {
					return err
				}
				list := v.Status(server)
				if c.Bool("json") {
					err := t.json(struct {
						Servers  []proxy.ServerStatus  `json:"servers"`
						Problems []proxy.ConfigProblem `json:"problems,omitempty"`
					}{list, v.Problems()})
					if err != nil {
						return err
					}
					return s.reportProblems()
				}
				if err := s.printStatus(list); err != nil {
					return err
				}
				return s.reportProblems()
			})
		},
	}
}

func (s *setup) printStatus(list []proxy.ServerStatus) error {
	if len(list) == 0 {
		s.say("no servers are configured in %s", s.load.Global)
		return nil
	}
	var rows [][]string
	for _, server := range list {
		tools := "-"
		if server.ToolsCount != nil {
			tools = strconv.Itoa(*server.ToolsCount)
		}
		last := ""
		if e := server.LastError; e != nil {
			last = string(e.Stage) + ": " + firstLine(e.Message, maxCell)
			if e.At != nil {
				last += " (" + e.At.Local().Format(time.DateTime) + ")"
			}
		}
		rows = append(rows, []string{server.Name, string(server.Status), server.Transport, tools, loginState(server.Auth), last})
	}
	if err := s.table([]string{"SERVER", "STATUS", "TRANSPORT", "TOOLS", "LOGIN", "LAST ERROR"}, rows); err != nil {
		return err
	}
	s.explainStatus(list)
	return nil
}

// explainStatus says what the table has no room for: which servers need trust,
// and the errors that were cut.
func (s *setup) explainStatus(list []proxy.ServerStatus) {
	for _, server := range s.config.Servers {
		if server.Untrusted {
			s.report(explainUntrusted(server))
		}
	}
	for _, server := range list {
		if e := server.LastError; e != nil && len(e.Message) > maxCell && s.config.Server(server.Name).Problem == nil {
			s.say("%s: %s", server.Name, e.Message)
		}
	}
}

// maxCell is how much of a text a table shows, in characters.
const maxCell = 100

// loginState names the state of the login to a server in a few words.
func loginState(a *proxy.AuthStatus) string {
	switch {
	case a == nil || a.State == "" && a.Pending == nil:
		return "-"
	case a.Pending != nil && a.Pending.Orphaned:
		return "pending, can only be pasted"
	case a.Pending != nil:
		return "pending until " + a.Pending.ExpiresAt.Local().Format(time.TimeOnly)
	}
	return strings.ReplaceAll(string(a.State), "_", " ")
}
