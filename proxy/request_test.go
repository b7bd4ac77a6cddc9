package proxy

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/catalog"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/redact"
)

// library returns a session whose catalogue knows a few tools.
func library(t testing.TB) *Session {
	t.Helper()
	known := catalog.New()
	var servers []*config.Server
	for server, tools := range map[string]string{
		"github":     `[{"name":"create_issue"},{"name":"list-repos"},{"name":"search"}]`,
		"git":        `[{"name":"hub"},{"name":"commit"}]`,
		"my-server":  `[{"name":"do.it"},{"name":"search"}]`,
		"my-server2": `[{"name":"github.create_issue"}]`,
	} {
		var raws []json.RawMessage
		if err := json.Unmarshal([]byte(tools), &raws); err != nil {
			t.Fatal(err)
		}
		e := catalog.Entry{ID: "id-" + server}
		for _, raw := range raws {
			tool, err := catalog.ParseTool(raw)
			if err != nil {
				t.Fatal(err)
			}
			e.Tools = append(e.Tools, tool)
		}
		known.Put(e)
		servers = append(servers, &config.Server{Name: server, ID: e.ID})
	}
	return newSession(t, Options{Catalog: known, Redactor: new(redact.Redactor), CacheDir: t.TempDir()},
		SessionOptions{Config: &config.Config{Servers: servers}, Getenv: func(string) (string, bool) { return "", false }})
}

func TestArgumentsAreRepaired(t *testing.T) {
	t.Parallel()
	tool, err := catalog.ParseTool([]byte(`{"name":"t","inputSchema":{"type":"object","required":["text"],"properties":` +
		`{"text":{"type":"string"},"count":{"type":"integer"},"rate":{"type":"number"},"deep":{"type":"boolean"},"where":{"type":"object"},"tags":{"type":"array","items":{"type":"string"}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, in, want, note string }{
		{"as it is", `{"text":"{\"a\":1}", "count":3}`, `{"text":"{\"a\":1}", "count":3}`, ""},
		{"string to integer", `{"text":"a","count":"3"}`, `{"text":"a","count":3}`, "count"},
		{"string to array", `{"text":"a","tags":"[\"x\"]"}`, `{"text":"a","tags":["x"]}`, "tags"},
		{"string to number", `{"text":"a","rate":"12345678901234567890.5"}`, `{"text":"a","rate":12345678901234567890.5}`, "rate"},
		{"string to boolean", `{"text":"a","deep":"true"}`, `{"text":"a","deep":true}`, "deep"},
		{"string to object", `{"text":"a","where":"{\"b\": 1}"}`, `{"text":"a","where":{"b": 1}}`, "where"},
		{"string that is none of them", `{"text":"a","deep":"maybe"}`, "deep", ""},
		{"digits in a string", `{"text":"007"}`, `{"text":"007"}`, ""},
		{"array to string", `{"text":[1,2]}`, `{"text":"[1,2]"}`, "text"},
		{"object to string", `{"text":{"a":1}}`, `{"text":"{\"a\":1}"}`, "text"},
		{"wrapped", `{"arguments":{"text":"a"}}`, `{"text":"a"}`, "repeated wrapper"},
		{"wrapped in a string", `{"input":"{\"text\":\"a\"}"}`, `{"text":"a"}`, "repeated wrapper"},
		{"missing", `{"count":1}`, "text", ""},
		{"wrong", `{"text":"a","count":"many"}`, "count", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, notes, err := (&target{Server: &config.Server{Name: "s"}}).repair(tool, json.RawMessage(c.in))
			if err != nil {
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v, want %q", err, c.want)
				}
				return
			}
			if string(got) != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
			all := strings.Join(notes, "; ")
			if c.note == "" && all != "" || !strings.Contains(all, c.note) {
				t.Errorf("notes %q, want %q", all, c.note)
			}
		})
	}
}

// Whatever object a host passes on, the answer is a result of text blocks, and
// an error has a code and a way on.
func FuzzHandle(f *testing.F) {
	for _, seed := range []string{
		`{"action":"help"}`, `{"action":"search_tools","query":"issue"}`, `{"action":"list_tools","cursor":"MQ"}`, `{"action":"status","server":"git"}`,
		`{"action":"call","server":"git","tool":"hub","arguments":{"a":1}}`, `{"action":"read_result","result_id":"r"}`, `{"action":"describe_tool","tool":"hub"}`,
		`{"action":"login","server":"git"}`, `{"action":"complete_login","server":"git","redirect_url":"http://x"}`, `{"\u0000":"\ud800"}`,
	} {
		f.Add([]byte(seed))
	}
	p := library(f)
	h := &responder{session: p, ctx: f.Context(), self: &mcp.Implementation{Name: "proxy"}}
	f.Fuzz(func(t *testing.T, in []byte) {
		if !json.Valid(in) {
			return
		}
		r, ok := h.handle(t.Context(), request{arguments: in}).(*mcp.CallToolResult)
		if !ok || len(r.Content) != 1 {
			t.Fatalf("%s: no result", in)
		}
		text := r.Content[0].(*mcp.TextContent).Text
		var answer struct{ Error explanation }
		err := json.Unmarshal([]byte(text), &answer)
		if r.IsError && (err != nil || answer.Error.Code == "" || answer.Error.Message == "" || answer.Error.Next == "") || text == "" {
			t.Errorf("%s: %s", in, text)
		}
	})
}

// What is refused has a code that stays, says what is wrong and leads on.
func TestRefusedRequestsAreExplained(t *testing.T) {
	t.Parallel()
	s := library(t)
	h := &responder{session: s, ctx: t.Context(), self: &mcp.Implementation{Name: "proxy"}}
	for _, c := range []struct{ in, want string }{
		{`{"action":"call","server":"git","tool":"hub","arguments":3}`, "invalid_arguments: arguments must be an object, not a number"},
		{`{"action":"call","server":"git","tool":"hub","arguments":[]}`, "invalid_arguments: arguments must be an object, not an array"},
		{`{"action":"call","server":"git","tool":"hub","args":true}`, "invalid_arguments: args must be an object, not a boolean"},
		{`{"action":"call","server":"git","tool":"hub","arguments":"hello"}`, "invalid_arguments: arguments must be an object, not a string"},
		{`{"action":"call","server":"git","tool":"hub","input":{"a":1},"args":{"b":1}}`, "invalid_arguments: input and args"},
		{`{"action":"call","server":"git","tool":"hub","arguments":{"a":1},"a":2}`, "bad_request: a is there twice"},
		{`{"action":"call","server":"git","tool":"github.create_issue"}`, "ambiguous_tool: tool \"github.create_issue\" could be github/create_issue or git/github.create_issue"},
		{`{"action":"call","tool":"search"}`, "ambiguous_tool: tool \"search\" could be"},
		{`{"action":"call","tool":"comit"}`, "unknown_tool: no known tool \"comit\" on any server"},
		{`{"action":"call","server":"gitlab","tool":"x"}`, "unknown_server: no server \"gitlab\""},
		{`{"server":"git","tool":"hub"}`, `bad_request: action is missing: "call" or "describe_tool"?`},
		{`{}`, "bad_request: action is missing"},
		{`null`, "bad_request: action is missing"},
		{`[{"action":"help"}]`, "bad_request: the arguments of mcp must be an object, not an array"},
		{`{"action":7}`, "bad_request: action must be a string, not a number"},
		{`{"action":"frobnicate"}`, `unknown_action: no action "frobnicate"`},
		{`{"action":"status","server":["git"]}`, "bad_request: server must be a string, not an array"},
		{`{"action":"search_tools"}`, "bad_request: query is missing"},
		{`{"action":"call","server":"git","tool":"hub","arguments":""}`, "invalid_arguments: arguments must be an object, not a string"},
		{`{"action":"call","server":"git","tool":"hub","arguments":"\"{}\""}`, "invalid_arguments: arguments must be an object, not a string"},
		{`{"action":"read_result"}`, "bad_request: result_id is missing"},
		{`{"action":"read_result","result_id":"r1","offset":-1}`, "bad_request: offset must be a whole number of bytes, from 0"},
		{`{"action":"read_result","result_id":"r1","grep":"x","limit":1.5}`, "bad_request: limit must be a whole number: up to 49152 bytes"},
		{`{"action":"read_result","result_id":"r1","select":["a"]}`, "bad_request: select must be a string, not an array"},
		{`{"action":"search_tools","query":"x","limit":0}`, "bad_request: limit must be a whole number from 1 to 50"},
		{`{"action":"read_result","result_id":"gone"}`, "result_expired: no stored result \"gone\""},
	} {
		r, ok := h.handle(t.Context(), request{arguments: []byte(c.in)}).(*mcp.CallToolResult)
		if !ok || !r.IsError {
			t.Errorf("%s: not refused", c.in)
			continue
		}
		var answer struct{ Error explanation }
		if err := json.Unmarshal([]byte(r.Content[0].(*mcp.TextContent).Text), &answer); err != nil {
			t.Fatal(err)
		}
		e := answer.Error
		if got := string(e.Code) + ": " + e.Message; !strings.HasPrefix(got, c.want) || e.Next == "" {
			t.Errorf("%s\n got %s, next %q\nwant %s", c.in, got, e.Next, c.want)
		}
	}
}

// So has what cannot be read of a stored result.
func TestRefusedReadingsAreExplained(t *testing.T) {
	t.Parallel()
	h := serve(t, newTest(t, childServer(t, "raw", "raw"))).start()
	id := regexp.MustCompile(`r[0-9a-z]{9}`).FindString(h.call(`{"action":"call","server":"raw","tool":"large"}`))
	for _, q := range []string{`"grep":"("`, `"select":"["`, `"grep":"a","select":"b"`, `"offset":99999999`} {
		contains(t, h.call(`{"action":"read_result","result_id":"`+id+`",`+q+`}`),
			`\"code\":\"bad_request\"`, `call mcp with {`, id, `"isError":true`)
	}
}
