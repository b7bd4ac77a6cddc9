package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/auth/authtest"
	"mcpproxy/auth/vault"
)

// Every goroutine must end with the Authority that owns it.
func TestMain(m *testing.M) {
	code := m.Run()
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for _, owned := range []string{"auth.(*Login).run", "auth.(*Authority).runRefresh", "auth.(*poller).poll", "auth.(*callback).serve"} {
		if code == 0 && bytes.Contains(stacks, []byte(owned)) {
			fmt.Printf("%s has outlived the tests\n%s\n", owned, stacks)
			code = 1
		}
	}
	os.Exit(code)
}

// A testbed is an authorization server with a protected MCP server, and a
// vault that any number of processes share.
type testbed struct {
	*authtest.Server
	stateDir string

	mu      sync.Mutex
	secrets []string // registered for redaction
}

func newTestbed(t *testing.T, o authtest.Options) *testbed {
	t.Helper()
	if o.Protected == nil {
		server := mcp.NewServer(&mcp.Implementation{Name: "protected"}, nil)
		mcp.AddTool(server, &mcp.Tool{Name: "greet"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "hello"}}}, nil, nil
		})
		o.Protected = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)
	}
	w := &testbed{Server: authtest.New(o), stateDir: t.TempDir()}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// process is the Authority of another process of the same user.
func (w *testbed) process(t *testing.T) *Authority {
	t.Helper()
	a := New(Options{
		Vault: vault.Open(vault.Options{StateDir: w.stateDir, Store: vault.StoreFile, Log: logTo(t)}),
		Log:   logTo(t),
		OnSecret: func(s string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.secrets = append(w.secrets, s)
		},
	})
	t.Cleanup(a.Close)
	return a
}

// newVault is a vault with a file store in its own folder.
func newVault(t *testing.T) *vault.Vault {
	t.Helper()
	return vault.Open(vault.Options{StateDir: t.TempDir(), Store: vault.StoreFile, Log: logTo(t)})
}

func logTo(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// upstream is the protected server as a configuration entry.
func (w *testbed) upstream(change ...func(*Config)) Server {
	s := Server{
		Name: "up", Key: vault.Key("up", ""), URL: w.ResourceURL(),
		Config: Config{Discovery: true, DiscoveryAllowlist: []string{"127.0.0.1"}},
	}
	for _, f := range change {
		f(&s.Config)
	}
	return s
}

// reader reads answers that nobody was asked for.
var reader = &target{redact: func(s string) string { return s }}

// login logs in with the browser.
func (w *testbed) login(t *testing.T, a *Authority, s Server, scopes ...string) {
	t.Helper()
	l, err := a.Begin(t.Context(), s, LoginOptions{Flow: FlowBrowser, Scopes: scopes})
	if err != nil {
		t.Fatal(err)
	}
	visit(t, l.AuthorizeURL)
	wait(t, l, "")
}

// visit opens a URL like a browser and returns the last page.
func visit(t *testing.T, rawURL string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// landing opens an authorize URL and returns the redirect URL that a person
// would paste.
func landing(t *testing.T, authorizeURL string) string {
	t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(authorizeURL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	to := resp.Header.Get("Location")
	if to == "" {
		t.Fatalf("no redirect: HTTP %d", resp.StatusCode)
	}
	return to
}

// wait expects a login to end with that reason, or to succeed if it is
// empty.
func wait(t *testing.T, l *Login, reason LoginReason) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := l.Wait(ctx)
	if reasonOfLogin(err) != reason || reason == "" && err != nil {
		t.Fatalf("login ended with %v, want reason %q", err, reason)
	}
}

func begin(t *testing.T, a *Authority, s Server, d Flow) *Login {
	t.Helper()
	l, err := a.Begin(t.Context(), s, LoginOptions{Flow: d})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// connect opens an MCP session through the handler.
func (w *testbed) connect(t *testing.T, a *Authority, s Server) (*mcp.ClientSession, error) {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "test"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: s.URL, OAuthHandler: a.Handler(s), DisableStandaloneSSE: true,
	}, nil)
	if err == nil {
		t.Cleanup(func() { session.Close() })
	}
	return session, err
}

// request sends a request like the SDK: with a token, and again if Authorize
// allows it. It returns the status.
func request(t *testing.T, h *Handler, rawURL string) (int, error) {
	t.Helper()
	req, resp, err := send(t, h, rawURL)
	if err != nil {
		return 0, err
	}
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		if err := h.Authorize(t.Context(), req, resp); err != nil {
			return 0, err
		}
		if _, resp, err = send(t, h, rawURL); err != nil {
			return 0, err
		}
	}
	defer resp.Body.Close()
	return resp.StatusCode, nil
}

// send sends a request once, with the token that h has.
func send(t *testing.T, h *Handler, rawURL string) (*http.Request, *http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, rawURL, nil)
	if err != nil {
		return nil, nil, err
	}
	source, err := h.TokenSource(t.Context())
	if err != nil {
		return nil, nil, err
	}
	if source != nil {
		token, err := source.Token()
		if err != nil {
			return nil, nil, err
		}
		token.SetAuthHeader(req)
	}
	resp, err := http.DefaultClient.Do(req)
	return req, resp, err
}

// ok expects a request to succeed.
func ok(t *testing.T, h *Handler, rawURL string) {
	t.Helper()
	if status, err := request(t, h, rawURL); err != nil || status != http.StatusOK {
		t.Fatalf("HTTP %d, %v", status, err)
	}
}

// needsAuth expects a request to fail with a NeedsAuthError.
func needsAuth(t *testing.T, h *Handler, rawURL string, reason NeedsAuthReason, scopes ...string) {
	t.Helper()
	status, err := request(t, h, rawURL)
	e, ok := errors.AsType[*NeedsAuthError](err)
	if !ok || e.Reason != reason || !slices.Equal(e.Scopes, scopes) {
		t.Fatalf("HTTP %d, %#v; want reason %s and scopes %v", status, err, reason, scopes)
	}
}

// open answers every request.
var open = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })

func join(scopes []string) string { return strings.Join(scopes, " ") }

func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); {
		if time.Now().After(deadline) {
			t.Fatal("the condition did not come true")
		}
		<-time.After(10 * time.Millisecond)
	}
}
