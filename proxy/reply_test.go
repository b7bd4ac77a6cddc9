package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/auth"
	"mcpproxy/auth/vault"
	"mcpproxy/catalog"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/mcptool"
	"mcpproxy/proxy/results"
	"mcpproxy/upstream"
	"mcpproxy/upstream/child"
	"mcpproxy/upstream/raw"
)

// A reply is what a model gets to see.
type reply struct {
	Content []struct{ Type, Text, Data string }
	IsError bool           `json:"isError"`
	Meta    map[string]any `json:"_meta"`
}

// ask sends one request to the mcp tool.
func ask(t *testing.T, h *rawHost, arguments string) reply {
	t.Helper()
	line := h.call(arguments)
	var m struct{ Result *reply }
	if err := json.Unmarshal([]byte(line), &m); err != nil || m.Result == nil {
		t.Fatalf("no result: %s", line)
	}
	return *m.Result
}

// zoo returns servers of all conditions.
func zoo(t *testing.T) []*config.Server {
	missing := childServer(t, "missing", "raw")
	missing.Entry.Command = "no-such-program-anywhere"
	off := childServer(t, "off", "raw")
	off.Entry.Disabled = true
	foreign := &config.Server{Name: "foreign", Layer: config.Project, File: "/src/app/.proxy/mcp.json", ID: "id-foreign", Untrusted: true}
	bad := &config.Server{Name: "bad", Layer: config.Global, File: "/etc/mcp.json", ID: "id-bad", Problem: &config.Problem{
		File: "/etc/mcp.json", Line: 7, Message: `unknown key "comand"`, Hint: `did you mean "command"?`,
	}}
	raw := childServer(t, "raw", "raw")
	raw.Entry.ToolFilter.Exclude = []string{"secret_*"}
	sleeping := childServer(t, "sleeping", "raw")
	sleeping.Entry.Description = "Sleeps until it is needed."
	unset := childServer(t, "unset", "raw")
	unset.Entry.Env["TOKEN"] = "${env:NO_SUCH_TOKEN}"
	return []*config.Server{bad, childServer(t, "broken", "broken"), foreign, missing, off, raw, sleeping, unset}
}

func TestReplies(t *testing.T) {
	t.Parallel()
	timestamp := regexp.MustCompile(`"at":"[^"]+"`)
	retry := regexp.MustCompile(`"retry_in_seconds":\d+,| in \d+ s`)  // whether it is over depends on the clock
	stderr := regexp.MustCompile(`"stderr":"[^"]+",|; stderr: [^"]+`) // may come too late to be told
	handled := regexp.MustCompile(`^\{"result_id":"(r[0-9a-z]+)"`)
	var id string // of the result that was stored
	h := serve(t, newTest(t, zoo(t)...)).start()
	for _, c := range []struct{ name, request string }{ // in this order: some build on what came before
		{"help", `{"action":"help"}`},
		{"list_servers", `{"action":"list_servers"}`},
		{"list_tools", `{"action":"list_tools","server":"raw"}`},
		{"list_tools_all", `{"action":"list_tools"}`},
		{"list_tools_cursor", `{"action":"list_tools","server":"raw","cursor":"bm9wZQ"}`},
		{"list_tools_broken", `{"action":"list_tools","server":"broken"}`},
		{"list_tools_missing", `{"action":"list_tools","server":"missing"}`},
		{"list_tools_untrusted", `{"action":"list_tools","server":"foreign"}`},
		{"list_tools_disabled", `{"action":"list_tools","server":"off"}`},
		{"list_tools_config", `{"action":"list_tools","server":"bad"}`},
		{"list_tools_unset", `{"action":"list_tools","server":"unset"}`},
		{"describe_tool", `{"action":"describe_tool","server":"raw","tool":"echo"}`},
		{"describe_tool_unknown", `{"action":"describe_tool","server":"raw","tool":"ecko"}`},
		{"describe_tool_blocked", `{"action":"describe_tool","server":"raw","tool":"secret_key"}`},
		{"status", `{"action":"status"}`},
		{"status_one", `{"action":"status","server":"raw"}`},
		{"status_unknown", `{"action":"status","server":"rav"}`},
		{"call_fail", `{"action":"call","server":"raw","tool":"fail"}`},
		{"call_repaired", `{"action":"run","tool":"raw.echo","args":"{\"text\":\"hi\"}"}`},
		{"call_unknown_server", `{"action":"call","server":"nothing-like-it","tool":"echo"}`},
		{"call_unknown_tool", `{"action":"call","server":"raw","tool":"zzz"}`},
		{"call_blocked", `{"action":"call","server":"raw","tool":"secret_key"}`},
		{"call_invalid_arguments", `{"action":"call","server":"raw","tool":"echo","arguments":{"text":"a","count":"many"}}`},
		{"call_refused", `{"action":"call","server":"raw","tool":"refuse"}`},
		{"call_protocol_error", `{"action":"call","server":"raw","tool":"break"}`},
		{"call_odd_result", `{"action":"call","server":"raw","tool":"odd","arguments":{"n":1,"a":"break the protocol"}}`},
		{"call_input_required", `{"action":"call","server":"raw","tool":"ask"}`},
		{"call_interrupted", `{"action":"call","server":"raw","tool":"die"}`},
		{"call_array", `{"action":"call","server":"raw","tool":"echo","arguments":[1]}`},
		{"call_large", `{"action":"call","server":"raw","tool":"large"}`},
		{"read_result", `{"action":"read_result","result_id":"ID","offset":100,"limit":80}`},
		{"read_result_grep", `{"action":"read_result","result_id":"ID","grep":"Issue .{2}(7|8)\\D","limit":2}`},
		{"read_result_no_match", `{"action":"read_result","result_id":"ID","grep":"nowhere"}`},
		{"read_result_select", `{"result_id":"ID","select":"items[?open].id | [1:3]"}`},
		{"read_result_bad_select", `{"action":"read_result","result_id":"ID","select":"items[?"}`},
		{"read_result_bad_offset", `{"action":"read_result","result_id":"ID","offset":99999999}`},
		{"read_result_expired", `{"action":"read_result","result_id":"rnever"}`},
		{"search_tools", `{"action":"search_tools","query":"returns arguments"}`},
		{"search_tools_nothing", `{"action":"search_tools","query":"weather","server":"raw"}`},
		{"unknown_action", `{"action":"destroy"}`},
		{"no_action", `{}`},
		{"no_tool", `{"action":"call","server":"raw"}`},
		{"no_object", `[1,2]`},
	} {
		r := ask(t, h, strings.Replace(c.request, `"ID"`, raw.Quote(id), 1))
		out := fmt.Sprintln(c.request)
		for _, b := range r.Content {
			if found := handled.FindStringSubmatch(b.Text); found != nil {
				id = found[1]
			}
			text := timestamp.ReplaceAllString(b.Text, `"at":"TIME"`)
			out += stderr.ReplaceAllString(retry.ReplaceAllString(text, ""), "") + b.Data + "\n"
		}
		if id != "" {
			out = strings.ReplaceAll(out, id, "ID")
		}
		out += fmt.Sprintf("isError: %v\n", r.IsError)
		if note := r.Meta[noteKey]; note != nil {
			out += fmt.Sprintf("note: %s\n", note)
		}
		golden(t, "replies/"+c.name+".txt", []byte(out))
	}
}

// Errors that take a fault of the network, or patience, to provoke.
func TestErrorsAreExplained(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newTest(t)
		soon := time.Now().Add(7500 * time.Millisecond)
		for _, c := range []struct {
			name string
			err  error
		}{
			{"starting", &upstream.StartingError{Waited: 30 * time.Second}},
			{"starting_login", &upstream.StartingError{Waited: 30 * time.Second, Stderr: "open https://login.example/x"}},
			{"cooling_down", &upstream.CoolingDownError{Until: soon, Last: errors.New("connection reset")}},
			{"timeout", &upstream.TimeoutError{After: time.Minute, Idle: true}},
			{"start_paused", &upstream.StartError{Stage: upstream.StageHandshake, Err: errors.New("EOF"), Retry: soon}},
			{"start_refused", &upstream.StartError{Stage: upstream.StageHandshake, Err: &jsonrpc.Error{Code: -32001, Message: "the license has expired"}}},
			{"start_ended", &upstream.StartError{Stage: upstream.StageHandshake, Outcome: child.Outcome{ExitStatus: "exit status 3", Stderr: "fatal:\x1b[1m no such database"}, Err: errors.New("EOF")}},
			{"interrupted", &upstream.InterruptedError{Outcome: child.Outcome{ExitStatus: "signal: killed", Stderr: "out of memory"}, Err: errors.New("EOF")}},
			{"start_line", &upstream.StartError{Stage: upstream.StageSpawn, Err: &child.NotFoundError{Command: "npx -y foo"}}},
			{"start_variable", &upstream.StartError{Stage: upstream.StageSpawn, Err: &child.NotFoundError{Command: "FOO=hush BAR='hush hush' npx -y @x/foo"}}},
			{"dial", &upstream.StartError{Stage: upstream.StageDial, Err: &upstream.DialError{Err: errors.New("connection refused")}}},
			{"interrupted_list", &upstream.InterruptedError{Stage: upstream.StageList, Err: errors.New("EOF")}},
			{"timeout_list", &upstream.TimeoutError{After: time.Minute, Stage: upstream.StageList}},
			{"too_large", &upstream.SizeError{Limit: 64 << 20}},
			{"error_busy", &upstream.BusyError{Err: &jsonrpc.Error{Code: -32000, Message: "too fast"}, RetryAfter: 30 * time.Second}},
			{"start_text", &upstream.StartError{Stage: upstream.StageHandshake, Err: &jsonrpc.Error{Message: "invalid api key"}}},
			{"malformed", &upstream.MalformedError{Problem: "not valid JSON"}},
			{"status_empty", &upstream.StatusError{Code: http.StatusAccepted}},
			{"start_busy", &upstream.StartError{Stage: upstream.StageHandshake, Err: &upstream.StatusError{Code: http.StatusTooManyRequests, RetryAfter: 2 * time.Minute}, Retry: soon}},
			{"status_words", &upstream.StatusError{Code: http.StatusForbidden, Words: "plan does not include this tool"}},
			{"status_nowhere", &upstream.StatusError{Code: http.StatusFound}},
			{"status_gateway", &upstream.StatusError{Code: http.StatusGatewayTimeout, Words: "timed out", RetryAfter: 5 * time.Second}},
			{"status_other", &upstream.StatusError{Code: http.StatusOK, Words: "no subscription"}},
			{"error_lost", &upstream.LostError{Err: &jsonrpc.Error{Code: -32001, Message: "Session not found"}}},
			{"error_much", &jsonrpc.Error{Code: -32603, Message: "no", Data: json.RawMessage(`"` + strings.Repeat("x", 5000) + `"`)}},
			{"list_cut", &upstream.CutError{}},
			{"status_page", &upstream.StatusError{Code: http.StatusOK, Page: true}},
			{"status_start_page", &upstream.StartError{Stage: upstream.StageHandshake, Err: &upstream.StatusError{Code: http.StatusOK, Page: true}}},
			{"status_busy", &upstream.StatusError{Code: http.StatusTooManyRequests, RetryAfter: 2 * time.Minute}},
			{"error_data", &jsonrpc.Error{Code: -32603, Message: "Page 42 was not found", Data: json.RawMessage(`{"page": 42}`)}},
			{"error_text", &jsonrpc.Error{Message: "quota exceeded"}},
			{"error_link", &jsonrpc.Error{Code: mcp.CodeURLElicitationRequired, Message: "Log in first", Data: json.RawMessage(`{"elicitations":[{"mode":"url","elicitationId":"e1","url":"javascript:x"},{"mode":"url","elicitationId":"e2","url":"https://srv.example/connect?id=7","message":"Log in"}]}`)}},
			{"redirect", &upstream.RedirectError{Code: 301, To: "https://srv.example/mcp/"}},
			{"origin", &upstream.OriginError{Want: "https://srv.example:443", Got: "https://other.example:443"}},
			{"start_redirect", &upstream.StartError{Stage: upstream.StageHandshake, Err: &upstream.RedirectError{Code: 301, To: "https://srv.example/mcp/"}}},
			{"status_code", &upstream.StatusError{Code: http.StatusBadGateway}},
			{"login_refused", &auth.LoginError{Server: "srv", Reason: auth.Refused, Err: &auth.HTTPError{Host: "login.example", Status: http.StatusBadRequest, Words: "code was used"}}},
			{"login_still_waiting", &auth.LoginError{Server: "srv", Reason: auth.StillWaiting, Err: &auth.HTTPError{Host: "login.example", Status: http.StatusServiceUnavailable, Words: "busy"}}},
			{"refresh_failed", &upstream.StartError{Stage: upstream.StageHandshake, Err: &upstream.StatusError{Code: http.StatusUnauthorized, Words: "{}", Err: &auth.RefreshError{Server: "srv", RetryAt: soon, Err: &auth.HTTPError{Host: "login.example", Status: http.StatusServiceUnavailable}}}}},
			{"forbidden", &upstream.StatusError{Code: http.StatusForbidden, Words: "not in your plan", Err: &auth.ForbiddenError{Server: "srv", Scopes: []string{"admin"}}}},
			{"vault_failed", &upstream.StartError{Stage: upstream.StageHandshake, Err: fmt.Errorf("rejected by transport: %w", &vault.Error{Op: "get", Store: vault.StoreKeyring, Reason: vault.Locked})}},
			{"login_no_client", &auth.ClientRequiredError{Issuer: "https://login.example", RedirectURI: "http://127.0.0.1:1/callback"}},
			{"login_no_registration", &auth.ClientRequiredError{Issuer: "https://login.example", RedirectURI: "http://127.0.0.1:1/callback", Endpoint: "https://login.example/r", Err: &auth.OAuthError{Code: "access_denied"}}},
			{"login_no_registration_now", &auth.ClientRequiredError{Issuer: "https://login.example", RedirectURI: "http://127.0.0.1:1/callback", Endpoint: "https://login.example/r", Err: errors.New("no answer")}},
			{"login_wait", &auth.OAuthError{Code: "rate_limit_exceeded", Status: http.StatusBadRequest}},
			{"closed", upstream.ErrClosed},
			{"cancelled", context.Canceled},
			{"internal_error", &jsonrpc.Error{Code: -32603, Message: "oops\x1b[31m"}},
			{"ambiguous", &mcptool.AmbiguousError{Kind: "tool", Name: "create", Could: []string{"a/create", "b/create"}}},
		} {
			out := raw.Encode(p.View(t.Context()).explain(nil, &ServerError{Server: "srv", Tool: "tool", Err: c.err}))
			golden(t, "errors/"+c.name+".json", append(out, '\n'))
		}
	})
}

// webServer configures an upstream over HTTP whose one tool answers with the result.
func webServer(t *testing.T, result string) *config.Server {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req struct {
			ID     json.RawMessage
			Method string
		}
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil || req.ID == nil {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		answer := `{"tools":[{"name":"tool","inputSchema":{"type":"object"}}]}`
		switch req.Method {
		case "server/discover":
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}`, req.ID)
			return
		case "initialize":
			answer = `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"web","version":"1"}}`
		case "tools/call":
			answer = result
		}
		fmt.Fprintf(w, "{\n  \"jsonrpc\": \"2.0\",\n  \"id\": %s,\n  \"result\": %s\n}\n", req.ID, answer)
	}))
	t.Cleanup(web.Close)
	s := childServer(t, "web", "")
	s.Entry.Type, s.Entry.URL, s.Entry.Command, s.Entry.Env = upstream.HTTP, web.URL, "", nil
	return s
}

// What a server's error quotes is masked wherever it stands.
func TestErrorsQuoteNoSecret(t *testing.T) {
	t.Parallel()
	p := newTest(t)
	p.proxy.opts.Redactor.Add("0aQ1bW2cE3dR4fT5gY6h")
	err := &jsonrpc.Error{Code: -32603, Message: "key 0aQ1bW2cE\u200b3dR4fT5gY6h", Data: json.RawMessage(`{"headers":{"x-key":"0aQ1bW2cE3dR4fT5gY6h","n":1.50}}`)}
	out := string(raw.Encode(p.View(t.Context()).explain(nil, &ServerError{Server: "srv", Tool: "tool", Err: err})))
	if !strings.Contains(out, `key ***"`) || !strings.Contains(out, `"data":{"headers":{"x-key":"***","n":1.50}}`) {
		t.Errorf("got %s", out)
	}
	for _, data := range []string{
		`["\u0030aQ1bW2cE3dR4fT5gY6h"]`, `["0aQ1bW2cE3\u0064R4fT5gY6h"]`, `["0aQ1bW2cE\u001b[0m3dR4fT5gY6h"]`, `["0aQ1bW2cE\u200b3dR4fT5gY6h"]`,
		`{"0aQ1bW2cE3dR4fT5gY6h\u0021":1}`, `["x\n0aQ1bW2cE3\ndR4fT5gY6h"]`, `{"a\/b":["0aQ1bW2cE\u003cx>","0aQ1bW2cE3dR4fT5gY6h"]}`,
	} {
		err := &jsonrpc.Error{Code: -32603, Message: "no", Data: json.RawMessage(data)}
		out := string(raw.Encode(p.View(t.Context()).explain(nil, &ServerError{Server: "srv", Tool: "tool", Err: err})))
		var told struct{ Data any }
		if json.Unmarshal([]byte(out), &told) != nil || told.Data == nil || strings.Contains(fmt.Sprint(told.Data), "R4fT5gY6h") || !strings.Contains(fmt.Sprint(told.Data), "***") {
			t.Errorf("%s became %s", data, out)
		}
	}
}

func TestPrettyPrintedResultsStayOnOneLine(t *testing.T) {
	t.Parallel()
	h := serve(t, newTest(t, webServer(t, prettyResult))).start()
	got := h.call(`{"action":"call","server":"web","tool":"tool"}`)
	if want := `{"jsonrpc":"2.0","id":1,"result":{"content":[],"n":12345678901234567890}}`; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestListToolsPages(t *testing.T) {
	t.Parallel()
	var items []listedTool
	for i := range 120 {
		items = append(items, listedTool{tool: catalog.Tool{Name: fmt.Sprint("t", i)}})
	}
	var seen int
	for cursor := ""; ; {
		page, part, err := paginate(ToolPage{Server: "s"}, items, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range part {
			if want := fmt.Sprint("t", seen); item.tool.Name != want {
				t.Fatalf("got %s, want %s", item.tool.Name, want)
			}
			seen++
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
		if _, _, err := paginate(ToolPage{Server: "s"}, items[1:], cursor); err == nil {
			t.Error("a cursor of another list was taken")
		}
	}
	if seen != len(items) {
		t.Errorf("saw %d of %d", seen, len(items))
	}
}

func TestDefinitionKeepsItsBudget(t *testing.T) {
	t.Parallel()
	small := newTest(t, zoo(t)...)
	golden(t, "definition.json", append(raw.Encode(small.View(t.Context()).definition()), '\n'))
	golden(t, "instructions.txt", []byte(small.View(t.Context()).instructions()+"\n"))
	for _, n := range []int{0, 1, 20, 1000} {
		var servers []*config.Server
		for i := range n {
			s := &config.Server{Name: fmt.Sprintf("server-%04d", i), ID: fmt.Sprint(i)}
			s.Entry.Description = strings.Repeat(`Does "many" things well. `, 20)
			servers = append(servers, s)
		}
		p := newTest(t, servers...)
		definition, err := json.Marshal(p.View(t.Context()).definition())
		if err != nil {
			t.Fatal(err)
		}
		instructions := p.View(t.Context()).instructions()
		if len(definition) > 2400 || len(instructions) > 2000 {
			t.Errorf("%d servers: definition %d, instructions %d", n, len(definition), len(instructions))
		}
		if n == 1000 {
			contains(t, string(definition), "more: list_servers")
			contains(t, instructions, "more: list_servers")
		}
	}
}

func TestSecretsStayOutOfReplies(t *testing.T) {
	t.Parallel()
	const canary = "canary-0123456789"
	s := childServer(t, "leaky", "leaky")
	s.Entry.Env["SECRET"] = "${env:SECRET}"
	p := newTest(t, s)
	p.opts.Getenv = func(string) (string, bool) { return canary, true }
	h := serve(t, p).start()
	for _, request := range []string{
		`{"action":"list_tools","server":"leaky"}`, `{"action":"status"}`, `{"action":"list_servers"}`,
		`{"action":"search_tools","query":"x"}`, `{"action":"call","server":"leaky","tool":"x"}`,
		`{"action":"call","server":"` + canary + `","tool":"x"}`,
	} {
		if line := h.call(request); strings.Contains(line, canary) {
			t.Errorf("%s: %s", request, line)
		}
	}
}

// A reader is not sent on where the text has ended, nor to what was not stored.
func TestNextPartLeadsToWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		handle results.Handle
		next   string
	}{
		{results.Handle{ID: "r1", Head: "a summary", Total: 9, Structured: true}, `"select":"keys(@)"`},
		{results.Handle{ID: "r1", Head: strings.Repeat("x", 250), Total: 1000, Structured: true}, `"offset":250`},
		{results.Handle{ID: "r1", Type: "image"}, `"select":"keys(@)"`},
		{results.Handle{Head: "x", Total: 9}, "could not be stored"},
	} {
		if next := nextPart(c.handle); !strings.Contains(next, c.next) {
			t.Errorf("%+v: %s", c.handle, next)
		}
	}
}
