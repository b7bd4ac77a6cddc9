package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// ask shows a request and its answer, and returns the answer's text.
func (t *tour) ask(ctx context.Context, arguments string, wantError bool) (string, error) {
	fmt.Fprintf(t.Out, "   → mcp %s\n", arguments)
	res, err := t.call(ctx, arguments)
	if err != nil {
		return "", err
	}
	text := textOf(res)
	for line := range strings.Lines(wrap(text, 100)) {
		fmt.Fprintf(t.Out, "   ← %s\n", strings.TrimRight(line, "\n"))
	}
	if res.IsError != wantError {
		return "", fmt.Errorf("isError is %v, want %v", res.IsError, wantError)
	}
	return text, nil
}

func (t *tour) call(ctx context.Context, arguments string) (*mcp.CallToolResult, error) {
	return t.host.CallTool(ctx, &mcp.CallToolParams{Name: "mcp", Arguments: json.RawMessage(arguments)})
}

func (t *tour) title(text string) {
	t.step++
	fmt.Fprintf(t.Out, "\n%d. %s\n", t.step, text)
}

func (t *tour) note(format string, args ...any) {
	fmt.Fprintf(t.Out, "   "+format+"\n", args...)
}

// expect returns an error unless text holds all of parts.
func expect(text string, parts ...string) error {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return fmt.Errorf("the answer lacks %s", part)
		}
	}
	return nil
}

// textOf joins the text blocks of a result.
func textOf(res *mcp.CallToolResult) string {
	var parts []string
	for _, c := range res.Content {
		if t, ok := c.(*mcp.TextContent); ok {
			parts = append(parts, t.Text)
		}
	}
	return strings.Join(parts, "\n")
}

// wrap breaks text into lines of at most width characters, after a space or a
// comma where there is one.
func wrap(text string, width int) string {
	var lines []string
	for line := range strings.Lines(text) {
		rest := []rune(strings.TrimRight(line, "\n"))
		for len(rest) > width {
			n := width
			for n > width/2 && rest[n-1] != ' ' && rest[n-1] != ',' {
				n--
			}
			if n == width/2 {
				n = width
			}
			lines, rest = append(lines, string(rest[:n])), rest[n:]
		}
		lines = append(lines, string(rest))
	}
	return strings.Join(lines, "\n")
}
