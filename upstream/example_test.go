package upstream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/upstream"
)

func ExampleUpstream_With() {
	server := mcp.NewServer(&mcp.Implementation{Name: "greeter", Version: "1"}, nil)
	type arguments struct {
		Name string `json:"name"`
	}
	mcp.AddTool(server, &mcp.Tool{Name: "greet"}, func(_ context.Context, _ *mcp.CallToolRequest, a arguments) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "hello " + a.Name}}}, nil, nil
	})
	srv := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil))
	defer srv.Close()

	u := upstream.New("greeter", upstream.Config{Type: upstream.HTTP, URL: srv.URL, Limits: upstream.DefaultLimits},
		upstream.Options{Client: &mcp.Implementation{Name: "example", Version: "1"}})
	defer u.Close()
	fmt.Println(u.State().Status)
	err := u.With(context.Background(), func(ctx context.Context, s *upstream.Session) error {
		result, err := s.Call(ctx, upstream.Call{Tool: "greet", Arguments: json.RawMessage(`{"name":"Ada"}`)})
		fmt.Printf("%s\n", result)
		return err
	})
	fmt.Println(err, u.State().Status)
	// Output:
	// idle
	// {"content":[{"type":"text","text":"hello Ada"}]}
	// <nil> connected
}
