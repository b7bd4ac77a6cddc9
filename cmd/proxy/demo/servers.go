package demo

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/auth/authtest"
)

// NotesCommand is the command of the proxy's binary that runs [NotesServer] on
// stdin and stdout.
const NotesCommand = "demo-notes"

var yes, no = true, false

// NotesServer returns the server that the proxy starts as a child process. It
// keeps notes in memory.
func NotesServer() *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "demo-notes", Version: "1"}, &mcp.ServerOptions{
		Instructions: "Keeps short notes in memory. Search before adding, so that nothing is noted twice.",
	})
	var mu sync.Mutex // guards notes
	notes := []string{"Call the plumber on Tuesday.", "The spare key is with Ada."}

	type text struct {
		Text string `json:"text" jsonschema:"what to note"`
	}
	mcp.AddTool(s, &mcp.Tool{
		Name: "add_note", Description: "Adds a note.",
		Annotations: &mcp.ToolAnnotations{DestructiveHint: &no},
	}, func(_ context.Context, _ *mcp.CallToolRequest, in text) (*mcp.CallToolResult, any, error) {
		mu.Lock()
		defer mu.Unlock()
		notes = append(notes, in.Text)
		return textResult("noted; there are now %d notes", len(notes)), nil, nil
	})

	type query struct {
		Query string `json:"query" jsonschema:"words to look for"`
	}
	mcp.AddTool(s, &mcp.Tool{
		Name: "search_notes", Description: "Finds the notes that hold a word.",
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true},
	}, func(_ context.Context, _ *mcp.CallToolRequest, in query) (*mcp.CallToolResult, any, error) {
		mu.Lock()
		defer mu.Unlock()
		for _, n := range notes {
			if strings.Contains(strings.ToLower(n), strings.ToLower(in.Query)) {
				return textResult("%s", n), nil, nil
			}
		}
		return textResult("no note holds %q", in.Query), nil, nil
	})

	mcp.AddTool(s, &mcp.Tool{
		Name: "delete_all_notes", Description: "Deletes every note.",
		Annotations: &mcp.ToolAnnotations{DestructiveHint: &yes},
	}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		mu.Lock()
		defer mu.Unlock()
		notes = nil
		return textResult("all notes deleted"), nil, nil
	})

	mcp.AddTool(s, &mcp.Tool{
		Name: "process_id", Description: "Tells the process id of this server.",
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true},
	}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		return textResult("%d", os.Getpid()), nil, nil
	})
	return s
}

// unitsServer returns the server that is reached over HTTP. It converts
// temperatures.
func unitsServer() *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "demo-units", Version: "1"}, &mcp.ServerOptions{
		Instructions: "Converts units of measurement.",
	})
	type celsius struct {
		Celsius float64 `json:"celsius" jsonschema:"degrees Celsius"`
	}
	type fahrenheit struct {
		Fahrenheit float64 `json:"fahrenheit"`
	}
	mcp.AddTool(s, &mcp.Tool{
		Name: "to_fahrenheit", Description: "Converts a temperature from Celsius to Fahrenheit.",
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true},
	}, func(_ context.Context, _ *mcp.CallToolRequest, in celsius) (*mcp.CallToolResult, fahrenheit, error) {
		return nil, fahrenheit{in.Celsius*9/5 + 32}, nil
	})
	return s
}

// protectedDiary returns a server that wants a login, together with its
// authorization server.
func protectedDiary() *authtest.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "demo-diary", Version: "1"}, &mcp.ServerOptions{
		Instructions: "Reads a private diary.",
	})
	mcp.AddTool(s, &mcp.Tool{
		Name: "read_entry", Description: "Reads today's entry.",
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true},
	}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		return textResult("Dear diary, nobody reads this without a login."), nil, nil
	})
	return authtest.New(authtest.Options{
		NoDevice:  true,
		Protected: mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, nil),
	})
}

func textResult(format string, args ...any) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: fmt.Sprintf(format, args...)}}}
}

// serveLoopback serves h on a free loopback port until stop is called.
func serveLoopback(h http.Handler) (origin string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	var served sync.WaitGroup
	served.Go(func() { srv.Serve(l) })
	return "http://" + l.Addr().String(), func() { srv.Close(); served.Wait() }, nil
}
