package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// The driver is the client that the conformance suite judges: a host that
// knows only the mcp tool, with the proxy between it and the suite's server.

// driverMain is called with the proxy's binary and the suite's URL.
func driverMain(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: as-conformance-driver BINARY URL")
	}
	bin, server := args[0], args[1]
	scenario, revision := os.Getenv("MCP_CONFORMANCE_SCENARIO"), os.Getenv("MCP_CONFORMANCE_PROTOCOL_VERSION")
	var context suiteContext
	if text := os.Getenv("MCP_CONFORMANCE_CONTEXT"); text != "" {
		if err := json.Unmarshal([]byte(text), &context); err != nil {
			return err
		}
	}
	if revision != rev2026 {
		revision = rev2025
	}
	return runProgram(func(t tb) {
		s := newSandbox(t)
		s.configure(servers{"suite": suiteEntry(server, scenario, context)})
		host := s.connect(bin, "serve", "--log-level", "debug")
		d := &driver{tb: t, host: host, context: context, flow: flows[scenario]}
		host.capabilities = `{"elicitation":{"form":{}}}`
		if d.flow == elicitation && revision != rev2026 {
			host.capabilities = `{"elicitation":{"form":{},"url":{}}}`
		}
		host.answer = d.answer
		host.open(revision)
		d.play(scenario)
		host.close()
	})
}

// A suiteContext is what the suite tells a client beside the URL.
type suiteContext struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	ToolCalls    []struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	} `json:"toolCalls"`
}

// A flow is how the answer of an authorization server gets back to the proxy.
type flow int

const (
	paste       flow = iota // the person pastes the address that the browser ended on
	loopback                // the browser reaches the proxy's own listener
	elicitation             // the same, and it was the host that opened the link
)

// flows are the scenarios that are not played by pasting.
var flows = map[string]flow{
	"auth/metadata-var1": loopback, "auth/scope-from-scopes-supported": loopback, "auth/iss-supported": loopback,
	"auth/token-endpoint-auth-post": loopback, "auth/offline-access-scope": loopback,
	"auth/metadata-var3": elicitation, "auth/scope-from-www-authenticate": elicitation, "auth/token-endpoint-auth-none": elicitation,
}

// suiteEntry is the configuration of the suite's server.
func suiteEntry(server, scenario string, context suiteContext) entry {
	e := entry{"type": "http", "url": server}
	if strings.HasPrefix(scenario, "auth/") {
		oauth := entry{
			"discovery": true, "discovery_allowlist": []string{"localhost", "127.0.0.1"},
			"client_metadata_url": "https://conformance-test.local/client-metadata.json",
		}
		if context.ClientID != "" {
			oauth["client_id"], oauth["client_secret"] = context.ClientID, context.ClientSecret
		}
		e["oauth"] = oauth
	}
	return e
}

// answer is the person at the host: every link is opened, and every form
// accepted as it is.
func (d *driver) answer(method string, params json.RawMessage) string {
	var ask struct{ Mode, URL string }
	if method != "elicitation/create" || json.Unmarshal(params, &ask) != nil {
		return ""
	}
	switch {
	case ask.Mode == "url":
		d.visit(ask.URL)
		return `{"action":"accept"}`
	case strings.Contains(string(params), `"confirmed"`):
		return `{"action":"accept","content":{"confirmed":true}}`
	}
	return `{"action":"accept","content":{}}`
}

type driver struct {
	tb
	host    *peer
	context suiteContext
	flow    flow
}

// play does what the scenario wants to see of a client.
func (d *driver) play(scenario string) {
	d.Helper()
	switch {
	case scenario == "tools_call":
		d.call("add_numbers", entry{"a": 5, "b": 3}).ok()
	case scenario == "sse-retry":
		d.call("test_reconnection", entry{}).ok()
	case scenario == "elicitation-sep1034-client-defaults":
		d.call("test_client_elicitation_defaults", entry{}).ok()
	case scenario == "sep-2322-client-request-state":
		for _, tool := range []string{"test_mrtr_echo_state", "test_mrtr_unrelated", "test_mrtr_no_state", "test_mrtr_no_result_type"} {
			d.call(tool, entry{}).ok()
		}
	case scenario == "http-standard-headers":
		for _, tool := range d.tools() {
			d.call(tool, entry{}).ok()
		}
	case scenario == "http-invalid-tool-headers":
		for _, tool := range d.tools() {
			d.call(tool, entry{"region": "us-west1"})
		}
	case scenario == "http-custom-headers":
		d.tools()
		for _, c := range d.context.ToolCalls {
			d.call(c.Name, c.Arguments)
		}
	case scenario == "json-schema-2020-12-preservation":
		described := d.host.mcp(entry{"action": "describe_tool", "server": "suite", "tool": "json_schema_2020_12_tool"}).ok()
		_, parts := members(d, json.RawMessage(described.text()))
		d.call("json_schema_echo", entry{"schema": parts["input_schema"]}).ok()
	case strings.HasPrefix(scenario, "auth/"):
		d.allowed(func() toolResult { return d.host.mcp(entry{"action": "list_tools", "server": "suite"}) })
		d.allowed(func() toolResult { return d.call("test-tool", entry{}) })
	default: // initialize, request-metadata, json-schema-ref-no-deref
		d.tools()
	}
}

func (d *driver) call(tool string, arguments any) toolResult {
	return d.host.through("suite", tool, arguments)
}

func (d *driver) tools() (names []string) {
	d.Helper()
	var page struct {
		Tools []struct{ Tool string }
	}
	d.host.mcp(entry{"action": "list_tools", "server": "suite"}).ok().into(&page)
	for _, t := range page.Tools {
		names = append(names, t.Tool)
	}
	return names
}

// allowed repeats an action that may need a login, or a wider one, until it
// is done. The proxy, not the driver, has to end a hopeless series of logins.
func (d *driver) allowed(action func() toolResult) toolResult {
	d.Helper()
	for range 8 {
		result := action()
		var reply struct {
			Error struct {
				Code  string
				Scope string
			}
		}
		if !result.IsError || json.Unmarshal([]byte(result.text()), &reply) != nil || reply.Error.Code != "needs_auth" {
			return result.ok()
		}
		d.login(reply.Error.Scope)
	}
	d.Fatalf("eight logins were not enough")
	return toolResult{}
}

// login plays the person: it asks for the link, opens it as a browser does,
// and pastes where it landed, or lets the redirect reach the proxy by itself.
func (d *driver) login(scope string) {
	d.Helper()
	ask := entry{"action": "login", "server": "suite"}
	if scope != "" {
		ask["scope"] = scope
	}
	var link loginReply
	d.host.mcp(ask).ok().into(&link)
	switch {
	case link.Flow == "elicitation":
		d.loggedIn()
	case d.flow == paste:
		d.host.mcp(entry{"action": "complete_login", "server": "suite", "redirect_url": d.browse(link.AuthorizeURL)}).ok()
	default:
		d.visit(link.AuthorizeURL)
		d.loggedIn()
	}
}

// browse opens the link and returns the address that it redirects to, without
// going there.
func (d *driver) browse(link string) string {
	d.Helper()
	client := &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(link)
	if err != nil {
		d.Fatalf("open the link: %v", err)
	}
	resp.Body.Close()
	landed, err := resp.Location()
	if err != nil {
		d.Fatalf("the link answers %s and redirects nowhere", resp.Status)
	}
	return landed.String()
}

// visit opens the link and goes wherever it leads.
func (d *driver) visit(link string) {
	d.Helper()
	resp, err := http.Get(link)
	if err != nil {
		d.Errorf("follow the link: %v", err)
		return
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
}

// loggedIn waits until status says so.
func (d *driver) loggedIn() {
	d.Helper()
	eventually(d, "the browser's callback finishes the login", func() bool {
		var status struct {
			Servers []struct{ Auth struct{ State string } }
		}
		d.host.mcp(entry{"action": "status", "server": "suite"}).ok().into(&status)
		return len(status.Servers) == 1 && status.Servers[0].Auth.State == "logged_in"
	})
}
