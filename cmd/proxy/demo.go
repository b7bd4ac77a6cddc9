package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/urfave/cli/v2"

	"mcpproxy/auth/authtest"
)

func demoCommand(t *terminal) *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "show the whole product on embedded servers: no configuration, no network",
		Description: "Starts servers of its own (a child process, an HTTP service on loopback, and one\n" +
			"that needs a login), puts the proxy in front of them exactly as a host would, and\n" +
			"shows what a model sees and does.\n\n" +
			"Example:\n   proxy demo",
		Action: func(c *cli.Context) error {
			if err := between(c, 0, 0, "no arguments"); err != nil {
				return err
			}
			dir, err := os.MkdirTemp("", "proxy-demo-")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir)
			d := &demo{terminal: t, dir: dir}
			return d.run(c.Context)
		},
	}
}

// A demo is one guided tour. Each step checks what it shows.
type demo struct {
	*terminal
	dir    string           // holds all that the tour writes
	issuer *authtest.Server // protects the diary
	host   *mcp.ClientSession
	step   int
}

func (d *demo) run(ctx context.Context) error {
	units := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return unitsServer() }, nil)
	origin, stop, err := serveLoopback(units)
	if err != nil {
		return err
	}
	defer stop()
	d.issuer = protectedDiary()
	if err := d.issuer.Start(); err != nil {
		return err
	}
	defer d.issuer.Close()
	if err := d.configure(origin); err != nil {
		return err
	}
	if err := d.start(ctx); err != nil {
		return err
	}
	return errors.Join(d.tour(ctx), d.host.Close())
}

// configure writes the file that a person would write.
func (d *demo) configure(origin string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	file, err := json.MarshalIndent(map[string]any{"mcpServers": map[string]any{
		"notes": map[string]any{"command": exe, "args": []string{demoNotesCommand}},
		"units": map[string]any{"url": origin + "/mcp"},
		"diary": map[string]any{"url": d.issuer.ResourceURL(), "oauth": map[string]any{
			"discovery": true, "discovery_allowlist": []string{"127.0.0.1"},
		}},
	}}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.dir, "mcp.json"), file, 0o600)
}

// start spawns "proxy serve" as a host does.
func (d *demo) start(ctx context.Context) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(exe, "serve", "--config", filepath.Join(d.dir, "mcp.json"))
	cmd.Dir = d.dir
	cmd.Env = append(demoEnv(),
		"HOME="+d.dir,
		"PROXY_STATE_DIR="+filepath.Join(d.dir, "state"), "PROXY_CACHE_DIR="+filepath.Join(d.dir, "cache"),
		"PROXY_TOKEN_STORE=file") // a throw-away vault: the keyring is the person's
	cmd.Stderr = d.err
	began := time.Now()
	client := mcp.NewClient(&mcp.Implementation{Name: "demo-host", Version: "1"}, &mcp.ClientOptions{Capabilities: &mcp.ClientCapabilities{}})
	d.host, err = client.Connect(ctx, &mcp.CommandTransport{Command: cmd}, nil)
	if err != nil {
		return fmt.Errorf("start the proxy: %w", err)
	}
	d.title("A host starts the proxy, which stands in front of three servers")
	d.note("answered after %d ms, before any server was started", time.Since(began).Milliseconds())
	return nil
}

// demoEnv is the person's environment without settings of the proxy, so that
// the tour is the same for everybody.
func demoEnv() []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "PROXY_") })
}

func (d *demo) tour(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		d.oneTool, d.listServers, d.listTools, d.describeTool, d.search, d.calls, d.mistake,
		d.needsLogin, d.logIn, d.refreshed, d.nothingLeft,
	} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("step %d: %w", d.step, err)
		}
	}
	fmt.Fprintf(d.out, "\nEverything was as it should be. Next: \"proxy help\", or the README's \"Install\".\n")
	return nil
}

func (d *demo) oneTool(ctx context.Context) error {
	d.title("The model is shown one tool, whatever the number of servers")
	tools, err := d.host.ListTools(ctx, nil)
	if err != nil {
		return err
	}
	if len(tools.Tools) != 1 || tools.Tools[0].Name != "mcp" {
		return fmt.Errorf("the host sees %d tools, want the one named mcp", len(tools.Tools))
	}
	definition, err := json.Marshal(tools.Tools[0])
	if err != nil {
		return err
	}
	d.note("tools: mcp, %d characters in all", len(definition))
	return nil
}

func (d *demo) listServers(ctx context.Context) error {
	d.title("It asks which servers there are; that starts none of them")
	text, err := d.ask(ctx, `{"action":"list_servers"}`, false)
	if err != nil {
		return err
	}
	return expect(text, `"notes"`, `"units"`, `"diary"`, `"idle"`)
}

func (d *demo) listTools(ctx context.Context) error {
	d.title("It asks for the tools of one; now that one is started")
	text, err := d.ask(ctx, `{"action":"list_tools","server":"notes"}`, false)
	if err != nil {
		return err
	}
	return expect(text, "search_notes", "add_note(text)")
}

func (d *demo) describeTool(ctx context.Context) error {
	d.title("It reads the schema of one tool, byte for byte as the server wrote it")
	text, err := d.ask(ctx, `{"action":"describe_tool","server":"notes","tool":"add_note"}`, false)
	if err != nil {
		return err
	}
	return expect(text, `"input_schema"`, "what to note")
}

func (d *demo) search(ctx context.Context) error {
	d.title("It searches all servers in plain words; the one that wants a login is named")
	text, err := d.ask(ctx, `{"action":"search_tools","query":"convert a temperature","limit":1}`, false)
	if err != nil {
		return err
	}
	return expect(text, "to_fahrenheit(celsius: number)", `"unavailable":[{"server":"diary"`)
}

func (d *demo) calls(ctx context.Context) error {
	d.title("It calls a tool of the child process, and one of the HTTP service")
	text, err := d.ask(ctx, `{"action":"call","server":"notes","tool":"search_notes","arguments":{"query":"key"}}`, false)
	if err == nil {
		err = expect(text, "The spare key is with Ada.")
	}
	if err != nil {
		return err
	}
	text, err = d.ask(ctx, `{"action":"call","server":"units","tool":"to_fahrenheit","arguments":{"celsius":21.5}}`, false)
	if err != nil {
		return err
	}
	return expect(text, "70.7")
}

func (d *demo) mistake(ctx context.Context) error {
	d.title("It makes a mistake, and is told the way out")
	text, err := d.ask(ctx, `{"action":"call","server":"notes","tool":"add_notes","arguments":{"text":"milk"}}`, true)
	if err != nil {
		return err
	}
	return expect(text, `"unknown_tool"`, `"next"`, "add_note")
}

// nothingLeft ends the proxy as a host does, by closing its stdin, and looks
// for the child that it had started.
func (d *demo) nothingLeft(ctx context.Context) error {
	d.title("The host closes the proxy's stdin: nothing is left running")
	res, err := d.call(ctx, `{"action":"call","server":"notes","tool":"process_id"}`)
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(textOf(res))
	if err != nil {
		return err
	}
	if !processAlive(pid) {
		return fmt.Errorf("process %d of the notes server is not there while it is connected", pid)
	}
	if err := d.host.Close(); err != nil {
		return err
	}
	for deadline := time.Now().Add(5 * time.Second); processAlive(pid); {
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d of the notes server is still there", pid)
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.note("process %d of the notes server is gone, and the proxy with it", pid)
	return nil
}

// ask shows a request and its answer, and returns the answer's text.
func (d *demo) ask(ctx context.Context, arguments string, wantError bool) (string, error) {
	fmt.Fprintf(d.out, "   → mcp %s\n", arguments)
	res, err := d.call(ctx, arguments)
	if err != nil {
		return "", err
	}
	text := textOf(res)
	for line := range strings.Lines(wrap(text, 100)) {
		fmt.Fprintf(d.out, "   ← %s\n", strings.TrimRight(line, "\n"))
	}
	if res.IsError != wantError {
		return "", fmt.Errorf("isError is %v, want %v", res.IsError, wantError)
	}
	return text, nil
}

func (d *demo) call(ctx context.Context, arguments string) (*mcp.CallToolResult, error) {
	return d.host.CallTool(ctx, &mcp.CallToolParams{Name: "mcp", Arguments: json.RawMessage(arguments)})
}

func (d *demo) title(text string) {
	d.step++
	fmt.Fprintf(d.out, "\n%d. %s\n", d.step, text)
}

func (d *demo) note(format string, args ...any) {
	fmt.Fprintf(d.out, "   "+format+"\n", args...)
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
