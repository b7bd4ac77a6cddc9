package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"mcpproxy/proxy"
	"mcpproxy/proxy/config"
)

func listCommand(t *terminal) *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "print the configuration as written, with secrets masked",
		Description: "Placeholders such as ${env:NAME} are kept and literal secrets are shown as ***,\n" +
			"so that the output is safe to paste in public. --resolve substitutes and shows\n" +
			"everything.\n\n" +
			"Examples:\n   proxy list\n   proxy list --resolve",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "resolve", Usage: "substitute placeholders and show secrets"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON (always the case)"},
		},
		Action: func(c *cli.Context) error {
			if err := between(c, 0, 0, "no arguments"); err != nil {
				return err
			}
			s, err := t.open(c)
			if err != nil {
				return err
			}
			defer s.close()
			listing := s.config.Masked()
			if c.Bool("resolve") {
				t.say("warning: what follows holds secrets in clear")
				listing = s.config.Substituted(t.getenv)
			}
			if _, err := t.out.Write(listing); err != nil {
				return err
			}
			return s.problems()
		},
	}
}

// problems says what is wrong with the configuration, files and entries; the
// first is the command's error, after its output.
func (s *setup) problems() error {
	all := slices.Clone(s.config.Problems)
	for _, server := range s.config.Servers {
		if server.Problem != nil && !server.Untrusted {
			all = append(all, server.Problem)
		}
	}
	if len(all) == 0 {
		return nil
	}
	for _, p := range all[1:] {
		s.say("proxy: %s", p)
		if p.Hint != "" {
			s.say("hint: %s", p.Hint)
		}
	}
	return all[0]
}

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
			if err := between(c, 0, 1, "at most the name of a server"); err != nil {
				return err
			}
			return t.with(c, func(s *setup, p *proxy.Proxy) error {
				list, err := p.Status(c.Args().First())
				if err != nil {
					return err
				}
				for i := range list.Servers {
					list.Servers[i].Next = "" // it speaks to a model
				}
				if c.Bool("json") {
					if err := t.json(list); err != nil {
						return err
					}
					return s.problems()
				}
				if err := s.status(list); err != nil {
					return err
				}
				return s.problems()
			})
		},
	}
}

func (s *setup) status(list proxy.StatusList) error {
	if len(list.Servers) == 0 {
		s.say("no servers are configured in %s", s.load.Global)
		return nil
	}
	var rows [][]string
	for _, server := range list.Servers {
		tools := "-"
		if server.ToolsCount != nil {
			tools = strconv.Itoa(*server.ToolsCount)
		}
		last := ""
		if e := server.LastError; e != nil {
			last = e.Stage + ": " + firstLine(e.Message, maxCell)
			if e.At != nil {
				last += " (" + e.At.Local().Format(time.DateTime) + ")"
			}
		}
		rows = append(rows, []string{server.Name, server.Status, server.Transport, tools, loginState(server.Auth), last})
	}
	if err := s.table([]string{"SERVER", "STATUS", "TRANSPORT", "TOOLS", "LOGIN", "LAST ERROR"}, rows); err != nil {
		return err
	}
	s.fixes(list)
	return nil
}

// fixes says what the table has no room for.
func (s *setup) fixes(list proxy.StatusList) {
	for _, server := range s.config.Servers {
		if server.Untrusted {
			s.say("hint: %s is not trusted; look at %s, then run: proxy trust %s", server.Name, server.File, server.ProjectDir())
		}
	}
	for _, server := range list.Servers {
		if e := server.LastError; e != nil && len(e.Message) > maxCell && s.config.Server(server.Name).Problem == nil {
			s.say("%s: %s", server.Name, e.Message)
		}
	}
}

// maxCell is how much of a text a table shows, in characters.
const maxCell = 100

// loginState says in a few words how a server is logged in to.
func loginState(a *proxy.AuthStatus) string {
	switch {
	case a == nil:
		return "-"
	case a.Pending != nil && a.Pending.Orphaned:
		return "pending, can only be pasted"
	case a.Pending != nil:
		return "pending until " + a.Pending.ExpiresAt.Local().Format(time.TimeOnly)
	}
	return strings.ReplaceAll(a.State, "_", " ")
}

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
			if err := between(c, 0, 1, "at most one folder"); err != nil {
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
			report, err := config.Trust(dir, s.load.StateDir)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return t.json(report)
			}
			return t.trusted(report)
		},
	}
}

// trusted shows what was allowed.
func (t *terminal) trusted(r config.TrustReport) error {
	fmt.Fprintf(t.out, "trusted %s\n", r.File)
	for _, server := range r.Servers {
		fmt.Fprintf(t.out, "\n%s\n", server.Name)
		line := func(what string, items ...string) {
			for _, item := range items {
				if item != "" {
					fmt.Fprintf(t.out, "  %-10s %s\n", what, item)
				}
			}
		}
		line("runs", server.Command)
		line("in", server.Cwd)
		line("sets", server.Environment...)
		line("contacts", server.URLs...)
		line("reads", server.Variables...)
	}
	for _, p := range r.Problems {
		t.say("proxy: %s", p)
	}
	return nil
}
