package upstream

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// childMode makes the test binary a child server of that kind.
const childMode = "UPSTREAM_TEST_CHILD"

func TestMain(m *testing.M) {
	if mode := os.Getenv(childMode); mode != "" {
		runChild(mode)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// testChild configures the test binary as an upstream of that kind.
func testChild(t *testing.T, mode string) Config {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l := DefaultLimits
	l.WaitTimeout, l.StartTimeout = Duration(20*time.Second), Duration(20*time.Second)
	return Config{Type: Stdio, Command: exe, Env: map[string]string{childMode: mode}, Limits: l}
}

func runChild(mode string) {
	switch mode {
	case "raw": // hand-written, so that its bytes are known
		rawServer(os.Stdin, os.Stdout)
	case "die-in-handshake":
		fmt.Fprintln(os.Stderr, "fatal: no such database")
		os.Exit(3)
	case "garbage":
		fmt.Println("Welcome to server 1.0!")
		fmt.Println(`{"level":"info","msg":"listening"}`)
		sdkServer()
	case "flood":
		go func() {
			for {
				fmt.Fprintln(os.Stderr, strings.Repeat("noise ", 200))
			}
		}()
		sdkServer()
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		sdkServer()
		time.Sleep(time.Hour)
	case "grandchild":
		c := exec.Command("sleep", "3600")
		if err := c.Start(); err != nil {
			os.Exit(1)
		}
		fmt.Fprintf(os.Stderr, "grandchild %d\n", c.Process.Pid)
		sdkServer()
	default:
		sdkServer()
	}
}

func sdkServer() {
	s := mcp.NewServer(&mcp.Implementation{Name: "child", Version: "1"}, &mcp.ServerOptions{Instructions: "Use echo."})
	type args struct {
		Text string `json:"text"`
	}
	mcp.AddTool(s, &mcp.Tool{Name: "echo"}, func(_ context.Context, _ *mcp.CallToolRequest, a args) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: a.Text}}}, nil, nil
	})
	mcp.AddTool(s, &mcp.Tool{Name: "die"}, func(context.Context, *mcp.CallToolRequest, any) (*mcp.CallToolResult, any, error) {
		fmt.Fprintln(os.Stderr, "panic: out of cheese")
		os.Exit(7)
		return nil, nil, nil
	})
	mcp.AddTool(s, &mcp.Tool{Name: "steps"}, func(ctx context.Context, r *mcp.CallToolRequest, _ any) (*mcp.CallToolResult, any, error) {
		for i := range 3 {
			r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: r.Params.GetProgressToken(), Progress: float64(i + 1), Total: 3})
		}
		return &mcp.CallToolResult{}, nil, nil
	})
	mcp.AddTool(s, &mcp.Tool{Name: "hang"}, func(ctx context.Context, _ *mcp.CallToolRequest, _ any) (*mcp.CallToolResult, any, error) {
		fmt.Fprintln(os.Stderr, "hanging")
		<-ctx.Done()
		fmt.Fprintln(os.Stderr, "cancelled")
		return nil, nil, ctx.Err()
	})
	s.Run(context.Background(), &mcp.StdioTransport{})
}

// Bytes that no decoder and encoder would leave alone.
const (
	rawTool   = `{"zeta": 1, "name":"odd","inputSchema":{"type":"object","properties":{"b":{"minimum":12345678901234567890},"a":{}}},"x-unknown":[1.10,2e5]}`
	rawResult = `{"structuredContent":{"n":12345678901234567890,"b": 1.0,"a":[]},"content":[{"type":"hologram","depth":9007199254740993},{"text":"<&>\u00e9","type":"text"}],"x":null}`
)

func rawServer(in *os.File, out *os.File) {
	r := bufio.NewScanner(in)
	for r.Scan() {
		var q struct {
			ID     json.RawMessage
			Method string
		}
		json.Unmarshal(r.Bytes(), &q)
		reply := func(result string) { fmt.Fprintf(out, `{"result":%s,"id":%s,"jsonrpc":"2.0"}`+"\n", result, q.ID) }
		switch q.Method {
		case "initialize":
			reply(`{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"raw","version":"0"}}`)
		case "tools/list":
			reply(`{"tools":[` + rawTool + `]}`)
		case "tools/call":
			reply(rawResult)
		default:
			if q.ID != nil {
				fmt.Fprintf(out, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}`+"\n", q.ID)
			}
		}
	}
}
