package demo_test

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/cmd/proxy/demo"
)

func TestNotesAreFound(t *testing.T) {
	t.Parallel()
	server, client := mcp.NewInMemoryTransports()
	if _, err := demo.NotesServer().Connect(t.Context(), server, nil); err != nil {
		t.Fatal(err)
	}
	c := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := c.Connect(t.Context(), client, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for _, step := range []struct {
		tool      string
		arguments map[string]any
		want      string
	}{
		{"search_notes", map[string]any{"query": "KEY"}, "The spare key is with Ada."},
		{"add_note", map[string]any{"text": "buy milk"}, "noted; there are now 3 notes"},
		{"search_notes", map[string]any{"query": "milk"}, "buy milk"},
		{"delete_all_notes", map[string]any{}, "all notes deleted"},
		{"search_notes", map[string]any{"query": "milk"}, `no note holds "milk"`},
	} {
		result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: step.tool, Arguments: step.arguments})
		if err != nil {
			t.Fatal(err)
		}
		if text := result.Content[0].(*mcp.TextContent).Text; text != step.want {
			t.Errorf("%s: got %q, want %q", step.tool, text, step.want)
		}
	}
}

func TestATourThatCannotStartSaysSo(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	err := demo.Run(t.Context(), demo.Options{
		Program: filepath.Join(t.TempDir(), "no-such-program"),
		Out:     &out,
		Err:     io.Discard,
	})
	if err == nil || !strings.Contains(err.Error(), "start the proxy") || out.Len() > 0 {
		t.Errorf("got %v, shown: %s", err, &out)
	}
}
