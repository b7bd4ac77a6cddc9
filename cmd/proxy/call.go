package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"mcpproxy/proxy"
	"mcpproxy/proxy/config"
)

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
		Flags: []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 2, 3, "a server, a tool and at most one JSON object"); err != nil {
				return err
			}
			args, err := t.arguments(c.Args().Get(2))
			if err != nil {
				return err
			}
			r := proxy.CallRequest{Tool: c.Args().Get(1), Arguments: args}
			return t.withServer(c, func(v *proxy.View, server *config.Server) error { return t.callTool(c, v, server, r) })
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

func (t *terminal) callTool(c *cli.Context, v *proxy.View, server *config.Server, r proxy.CallRequest) error {
	var result proxy.CallResult
	err := t.await(c.Context, "calling "+r.Tool+" of "+server.Name, func(ctx context.Context) (err error) {
		result, err = v.Call(ctx, server, r)
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
				_, err = fmt.Fprintln(t.out, omittedBlock(block.Type, block.MIMEType, len(block.Data)*3/4))
			}
		}
	}
	if err == nil && read.IsError {
		return errSilent
	}
	return err
}
