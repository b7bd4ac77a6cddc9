package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/auth/authtest"
)

// Options say what the tour is about and where it is shown.
type Options struct {
	Program string    // path of the proxy's binary, which also has NotesCommand
	Out     io.Writer // takes the tour
	Err     io.Writer // takes what the proxy writes to its stderr
}

// Run shows the product, step by step. It returns nil if every step showed
// what it should; an error names the step that did not. Nothing that it
// started or wrote is left when it returns.
func Run(ctx context.Context, o Options) error {
	dir, err := os.MkdirTemp("", "proxy-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	t := &tour{Options: o, dir: dir}
	return t.run(ctx)
}

// A tour is one run of the demo.
type tour struct {
	Options
	dir    string           // holds all that the tour writes
	issuer *authtest.Server // protects the diary
	host   *mcp.ClientSession
	step   int
}

func (t *tour) run(ctx context.Context) error {
	units := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return unitsServer() }, nil)
	origin, stop, err := serveLoopback(units)
	if err != nil {
		return err
	}
	defer stop()
	t.issuer = protectedDiary()
	if err := t.issuer.Start(); err != nil {
		return err
	}
	defer t.issuer.Close()
	if err := t.configure(origin); err != nil {
		return err
	}
	if err := t.start(ctx); err != nil {
		return err
	}
	return errors.Join(t.takeSteps(ctx), t.host.Close())
}

// configure writes the file that a person would write.
func (t *tour) configure(origin string) error {
	file, err := json.MarshalIndent(map[string]any{"mcpServers": map[string]any{
		"notes": map[string]any{"command": t.Program, "args": []string{NotesCommand}},
		"units": map[string]any{"url": origin + "/mcp"},
		"diary": map[string]any{"url": t.issuer.ResourceURL(), "oauth": map[string]any{
			"discovery": true, "discovery_allowlist": []string{"127.0.0.1"},
		}},
	}}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(t.dir, "mcp.json"), file, 0o600)
}

// start spawns "proxy serve" as a host does.
func (t *tour) start(ctx context.Context) (err error) {
	cmd := exec.Command(t.Program, "serve", "--config", filepath.Join(t.dir, "mcp.json"))
	cmd.Dir = t.dir
	cmd.Env = append(environment(),
		"HOME="+t.dir,
		"PROXY_STATE_DIR="+filepath.Join(t.dir, "state"), "PROXY_CACHE_DIR="+filepath.Join(t.dir, "cache"),
		"PROXY_TOKEN_STORE=file") // the keyring is the person's
	cmd.Stderr = t.Err
	began := time.Now()
	client := mcp.NewClient(&mcp.Implementation{Name: "demo-host", Version: "1"}, &mcp.ClientOptions{Capabilities: &mcp.ClientCapabilities{}})
	t.host, err = client.Connect(ctx, &mcp.CommandTransport{Command: cmd}, nil)
	if err != nil {
		return fmt.Errorf("start the proxy: %w", err)
	}
	t.title("A host starts the proxy, which stands in front of three servers")
	t.note("answered after %d ms, before any server was started", time.Since(began).Milliseconds())
	return nil
}

// environment returns the person's environment without the proxy's settings, so
// that the tour is the same for everybody.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "PROXY_") })
}
