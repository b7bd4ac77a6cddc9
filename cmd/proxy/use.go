package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
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
		Flags:       []cli.Flag{jsonFlag},
		Action: func(c *cli.Context) error {
			if err := between(c, 1, 1, "the name of a server"); err != nil {
				return err
			}
			return t.with(c, func(_ *setup, p *proxy.Proxy) error {
				name := c.Args().First()
				var conn proxy.Connection
				err := t.during(c.Context, "connecting to "+name, func(ctx context.Context) (err error) {
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

func toolsCommand(t *terminal) *cli.Command {
	return &cli.Command{
		Name:      "tools",
		Usage:     "list the tools of a server, or of all that are known",
		ArgsUsage: "[NAME]",
		Description: "Without a name it lists what was seen before and starts nothing.\n\n" +
			"Examples:\n   proxy tools github\n   proxy tools --json",
		Flags: []cli.Flag{jsonFlag},
		Action: func(c *cli.Context) error {
			if err := between(c, 0, 1, "at most the name of a server"); err != nil {
				return err
			}
			return t.with(c, func(_ *setup, p *proxy.Proxy) error {
				list, err := allTools(c.Context, t, p, c.Args().First())
				if err != nil {
					return err
				}
				if c.Bool("json") {
					return t.json(list)
				}
				return t.tools(list)
			})
		},
	}
}

// allTools follows the pages of a listing to its end.
func allTools(ctx context.Context, t *terminal, p *proxy.Proxy, server string) (all proxy.ToolPage, err error) {
	what := "asking " + server
	if server == "" {
		what = "reading the catalogue"
	}
	err = t.during(ctx, what, func(ctx context.Context) error {
		for cursor := ""; ; {
			page, err := p.ListTools(ctx, server, cursor)
			if err != nil {
				return err
			}
			tools := append(all.Tools, page.Tools...)
			if cursor == "" {
				all = page
			}
			all.Tools, all.NextCursor = tools, ""
			if cursor = page.NextCursor; cursor == "" {
				return nil
			}
		}
	})
	return all, err
}

func (t *terminal) tools(list proxy.ToolPage) error {
	var rows [][]string
	for _, tool := range list.Tools {
		server := tool.Server
		if server == "" {
			server = list.Server
		}
		rows = append(rows, []string{server, tool.Signature, string(tool.Access), firstLine(tool.Description, 80)})
	}
	if len(rows) > 0 {
		if err := t.table([]string{"SERVER", "TOOL", "ACCESS", "DESCRIPTION"}, rows); err != nil {
			return err
		}
	}
	for _, u := range list.Unavailable {
		t.say("%s: %s (%s)", u.Server, u.Reason, u.Status)
	}
	return nil
}

func firstLine(s string, most int) string {
	s, _, _ = strings.Cut(s, "\n")
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

func callCommand(t *terminal) *cli.Command {
	return &cli.Command{
		Name:      "call",
		Aliases:   []string{"test"},
		Usage:     "call a tool as the model does",
		ArgsUsage: "NAME TOOL [JSON]",
		Description: "The arguments are one JSON object; \"-\" reads it from stdin. Text goes to stdout\n" +
			"as it is; --json prints the whole result. The exit code is 1 if the tool says\n" +
			"that it failed.\n\n" +
			"Examples:\n   proxy call github get_me\n" +
			"   proxy call notes add_note '{\"text\":\"buy milk\"}'\n" +
			"   echo '{\"query\":\"key\"}' | proxy call notes search_notes -",
		Flags: []cli.Flag{jsonFlag},
		Action: func(c *cli.Context) error {
			if err := between(c, 2, 3, "a server, a tool and at most one JSON object"); err != nil {
				return err
			}
			args, err := t.arguments(c.Args().Get(2))
			if err != nil {
				return err
			}
			r := proxy.CallRequest{Server: c.Args().Get(0), Tool: c.Args().Get(1), Arguments: args}
			return t.with(c, func(_ *setup, p *proxy.Proxy) error { return t.call(c, p, r) })
		},
	}
}

// arguments reads the JSON object of a call.
func (t *terminal) arguments(text string) (json.RawMessage, error) {
	if text == "-" {
		data, err := io.ReadAll(t.in)
		if err != nil {
			return nil, err
		}
		text = string(data)
	}
	if text = strings.TrimSpace(text); text == "" {
		return nil, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &object); err != nil || object == nil {
		return nil, usagef("the arguments must be one JSON object, such as '{\"query\":\"key\"}'")
	}
	return json.RawMessage(text), nil
}

func (t *terminal) call(c *cli.Context, p *proxy.Proxy, r proxy.CallRequest) error {
	var result proxy.CallResult
	err := t.during(c.Context, "calling "+r.Tool+" of "+r.Server, func(ctx context.Context) (err error) {
		result, err = p.Call(ctx, r)
		return err
	})
	if err != nil {
		return err
	}
	for _, note := range result.Notes {
		t.say("note: %s", note)
	}
	var read struct {
		Content []struct {
			Type     string `json:"type"`
			Text     string `json:"text"`
			MIMEType string `json:"mimeType"`
			Data     string `json:"data"`
			URI      string `json:"uri"`
		} `json:"content"`
		Structured json.RawMessage `json:"structuredContent"`
		IsError    bool            `json:"isError"`
	}
	if err := json.Unmarshal(result.JSON, &read); err != nil {
		return fmt.Errorf("read the result of %s: %w", r.Tool, err)
	}
	switch {
	case c.Bool("json"):
		_, err = fmt.Fprintf(t.out, "%s\n", result.JSON)
	case len(read.Content) == 0 && read.Structured != nil:
		_, err = fmt.Fprintf(t.out, "%s\n", read.Structured)
	default:
		for _, block := range read.Content {
			switch {
			case block.Type == "text":
				_, err = fmt.Fprintln(t.out, block.Text)
			case block.URI != "":
				_, err = fmt.Fprintf(t.out, "[%s: %s]\n", block.Type, block.URI)
			default:
				_, err = fmt.Fprintf(t.out, "[%s: %s, %d bytes; --json shows it]\n", block.Type, block.MIMEType, len(block.Data)*3/4)
			}
		}
	}
	if err == nil && read.IsError {
		return errSilent
	}
	return err
}
