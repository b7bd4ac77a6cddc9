package upstream

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/upstream/child"
)

// The test binary becomes a child server of the kind that childMode names.
// runMark marks every process that this run starts, also indirectly.
const (
	childMode = "UPSTREAM_TEST_CHILD"
	runMark   = "UPSTREAM_TEST_RUN"
)

// runID tells this run from others on the machine.
var runID = rand.Text()

func TestMain(m *testing.M) {
	if mode := os.Getenv(childMode); mode != "" {
		runChild(mode)
		os.Exit(0)
	}
	code := m.Run()
	if code == 0 {
		code = leaks()
	}
	os.Exit(code)
}

// leaks reports goroutines and processes that outlived all tests.
func leaks() int {
	var stacks, procs []string
	for deadline := time.Now().Add(8 * time.Second); time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
		stacks, procs = goroutines(), marked(runID)
		if len(stacks) == 0 && len(procs) == 0 {
			return 0
		}
	}
	fmt.Printf("leaked %d goroutines:\n%s\nleaked processes: %v\n", len(stacks), strings.Join(stacks, "\n\n"), procs)
	return 1
}

// goroutines returns the stacks of all goroutines but this one and those of
// the standard library.
func goroutines() []string {
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	buf := make([]byte, 4<<20)
	var out []string
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if !strings.Contains(g, "upstream.goroutines(") && !strings.Contains(g, "os/signal.") && !strings.Contains(g, "testing.runFuzzing") {
			out = append(out, g)
		}
	}
	return out
}

// marked returns the processes, as pid and command line, that carry the mark
// of a run in their environment. Only Linux shows it.
func marked(id string) []string {
	var out []string
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		env, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(env, []byte(runMark+"="+id)) {
			continue
		}
		cmd, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		out = append(out, filepath.Base(filepath.Dir(file))+" "+strings.ReplaceAll(string(cmd), "\x00", " "))
	}
	return out
}

// eventually polls until ok, and fails after a while.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
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
	return Config{Type: Stdio, Config: child.Config{Command: exe, Env: map[string]string{childMode: mode, runMark: runID}}, Limits: l}
}

func runChild(mode string) {
	switch mode {
	case "raw": // hand-written, so that its bytes are known
		rawServer(os.Stdin, os.Stdout)
	case "die-in-handshake":
		fmt.Fprintln(os.Stderr, "fatal: no such database")
		os.Exit(3)
	case "mute":
		io.Copy(io.Discard, os.Stdin)
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
	case "slow":
		note("start")
		<-time.After(300 * time.Millisecond)
		sdkServer()
	case "stubborn":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		sdkServer()
		select {}
	case "integers", "strings":
		pickyServer(mode)
	case "refusing", "future", "crooked", "closing", "loose", "bom", "shy", "stuck", "login", "dated", "modern":
		oddServer(mode)
	case "large":
		largeServer()
	case "line":
		lineServer(os.Stdin, os.Stdout)
	case "huge":
		hugeServer(os.Getenv(hugeKind), os.Stdin, os.Stdout)
	case "reader":
		readLarge()
	case "stray":
		fmt.Println(os.Getenv("STRAY"))
	case "deaf", "farewell":
		endingServer(mode)
	case "grandchild", "runaway", "heir":
		c := exec.Command("sleep", "3600")
		if mode == "heir" { // holds what this process leaves
			c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
		}
		if mode == "runaway" {
			leaveGroup(c)
		}
		if err := c.Start(); err != nil {
			os.Exit(1)
		}
		sdkServer()
	case "env":
		fmt.Fprintln(os.Stderr, strings.Join(os.Environ(), "\n"))
	case "silent", "odd", "fragile":
		oldServer(mode)
	case "proxy":
		proxyToBeKilled()
	case "measure":
		measureCosts()
	case "faulty":
		faultyServer()
	default:
		sdkServer()
	}
}

func sdkServer() { testServer().Run(context.Background(), &mcp.StdioTransport{}) }

// testServer returns a server with the tools that tests call.
func testServer() *mcp.Server {
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
		note("hanging")
		<-ctx.Done()
		note("cancelled")
		return nil, nil, ctx.Err()
	})
	mcp.AddTool(s, &mcp.Tool{Name: "die-soon"}, func(context.Context, *mcp.CallToolRequest, any) (*mcp.CallToolResult, any, error) {
		time.AfterFunc(200*time.Millisecond, func() { os.Exit(7) })
		return &mcp.CallToolResult{}, nil, nil
	})
	mcp.AddTool(s, &mcp.Tool{Name: "grow"}, func(context.Context, *mcp.CallToolRequest, any) (*mcp.CallToolResult, any, error) {
		mcp.AddTool(s, &mcp.Tool{Name: "new"}, func(context.Context, *mcp.CallToolRequest, any) (*mcp.CallToolResult, any, error) {
			return &mcp.CallToolResult{}, nil, nil
		})
		return &mcp.CallToolResult{}, nil, nil
	})
	mcp.AddTool(s, &mcp.Tool{Name: "fails"}, func(context.Context, *mcp.CallToolRequest, any) (*mcp.CallToolResult, any, error) {
		return nil, nil, errors.New("the tool failed")
	})
	return s
}

// Texts that decoding and encoding would change.
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

// noteFile names the file to which a child appends what it did.
const noteFile = "UPSTREAM_TEST_NOTES"

// note appends one line, which other processes may do at the same time.
func note(line string) { appendLine(os.Getenv(noteFile), line) }

func appendLine(file, line string) {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	f.WriteString(line + "\n")
}

// oldServer does not know server/discover. Each kind shows it in another way.
func oldServer(mode string) {
	r := bufio.NewScanner(os.Stdin)
	initialized := false
	for r.Scan() {
		var q struct {
			ID     json.RawMessage
			Method string
		}
		json.Unmarshal(r.Bytes(), &q)
		note(q.Method)
		reply := func(result string) { fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":%s}`+"\n", q.ID, result) }
		switch {
		case q.Method == "initialize":
			initialized = true
			reply(`{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"old","version":"0"}}`)
		case q.Method == "tools/list":
			reply(`{"tools":[` + rawTool + `]}`)
		case q.ID == nil || mode == "silent":
		case mode == "odd":
			fmt.Println(`{"error":"what?"}`)
			fmt.Printf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32602,"message":"Received request before initialization was complete"}}`+"\n", q.ID)
		case mode == "fragile" && !initialized:
			os.Exit(1)
		}
	}
}
