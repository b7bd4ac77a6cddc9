package main

import (
	"context"
	"strings"

	"github.com/urfave/cli/v2"

	"mcpproxy/proxy"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/mcptool"
)

func toolsCommand(t *terminal) *cli.Command {
	return &cli.Command{
		Name:      "tools",
		Usage:     "list or search the tools of a server, or of all",
		ArgsUsage: "[NAME] [QUERY]",
		Description: "With a query in plain words it finds the best tools, as the model's search_tools\n" +
			"does; the name of a server before it searches that server alone. Without a name\n" +
			"and a query it lists what was seen before and starts nothing. --refresh asks the\n" +
			"servers first.\n\n" +
			"Examples:\n   proxy tools github\n   proxy tools \"create an issue\"\n" +
			"   proxy tools github \"create an issue\"\n   proxy tools --refresh",
		Flags: []cli.Flag{
			jsonFlag(),
			&cli.BoolFlag{Name: "refresh", Usage: "list the tools of the server, or of all, afresh"},
			&cli.IntFlag{Name: "limit", Value: 8, Usage: "find at most `N` tools, 1 to 50"},
		},
		Action: func(c *cli.Context) error {
			if n := c.Int("limit"); n < 1 || n > mcptool.MaxHits {
				return usagef("--limit takes a number from 1 to %d", mcptool.MaxHits)
			}
			return t.withView(c, func(s *setup, v *proxy.View) error {
				name, query := s.nameAndQuery(c.Args().Slice())
				server, err := optional(v, name)
				if err != nil {
					return err
				}
				var failed error
				if c.Bool("refresh") {
					if failed, err = t.refreshTools(c.Context, v, server); err != nil {
						return err
					}
					if failed != nil && server != nil {
						return failed
					}
				}
				show := t.listTools
				if query != "" {
					show = t.searchTools
				}
				if err := show(c, v, server, query); err != nil {
					return err
				}
				return failed
			})
		},
	}
}

// nameAndQuery tells the name of a server from a query. A first argument that
// holds a space, or that names no server and is followed by another, begins a
// query on all servers.
func (s *setup) nameAndQuery(args []string) (name, query string) {
	if len(args) == 0 {
		return "", ""
	}
	known := s.config.Server(args[0]) != nil
	if known || args[0] == "" || len(args) == 1 && !strings.Contains(args[0], " ") {
		return args[0], strings.Join(args[1:], " ")
	}
	return "", strings.Join(args, " ")
}

// refreshTools lists tools afresh and shows the outcome of each server. It
// returns the first server's failure in failed, for the end of the output, and
// shows the others.
func (t *terminal) refreshTools(ctx context.Context, v *proxy.View, server *config.Server) (failed, err error) {
	var others []proxy.Listed
	err = v.ListAfresh(ctx, server, func(l proxy.Listed) {
		switch {
		case l.Err == nil:
			t.say("%s: %d tools", l.Server, l.Tools)
		case failed == nil:
			failed = l.Err
		default:
			others = append(others, l)
		}
	})
	for _, l := range others {
		t.report(explain(l.Err))
	}
	return failed, err
}

func (t *terminal) listTools(c *cli.Context, v *proxy.View, server *config.Server, _ string) error {
	list, err := t.allTools(c.Context, v, server)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return t.json(list)
	}
	for i := range list.Tools {
		if list.Tools[i].Server == "" {
			list.Tools[i].Server = list.Server
		}
	}
	return t.printTools(list.Tools, list.Unavailable, list.More)
}

func (t *terminal) searchTools(c *cli.Context, v *proxy.View, server *config.Server, query string) error {
	var hits proxy.ToolHits
	err := t.await(c.Context, "searching", func(ctx context.Context) (err error) {
		hits, err = v.SearchTools(ctx, server, query, c.Int("limit"))
		return err
	})
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return t.json(hits)
	}
	if len(hits.Tools) == 0 {
		t.say("nothing found")
	}
	return t.printTools(hits.Tools, hits.Unavailable, hits.More)
}

// allTools returns the tools of a server, or of all if server is nil.
func (t *terminal) allTools(ctx context.Context, v *proxy.View, server *config.Server) (all proxy.ToolPage, err error) {
	what := "reading the catalogue"
	if server != nil {
		what = "asking " + server.Name
	}
	err = t.await(ctx, what, func(ctx context.Context) (err error) {
		all, err = v.AllTools(ctx, server)
		return err
	})
	return all, err
}

func (t *terminal) printTools(tools []proxy.ToolItem, missing []proxy.Unavailable, more int) error {
	var rows [][]string
	for _, tool := range tools {
		rows = append(rows, []string{tool.Server, tool.Signature, string(tool.Access), firstLine(tool.Description, 80)})
	}
	if len(rows) > 0 {
		if err := t.table([]string{"SERVER", "TOOL", "ACCESS", "DESCRIPTION"}, rows); err != nil {
			return err
		}
	}
	for _, tool := range tools {
		if tool.Warning != "" {
			t.say("warning: %s of %s: %s", tool.Tool, tool.Server, tool.Warning)
		}
	}
	for _, u := range missing {
		t.say("%s: %s (%s)", u.Server, u.Reason, u.Status)
	}
	if more > 0 {
		t.say("%s", moreServers(more))
	}
	return nil
}
