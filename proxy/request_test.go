package proxy

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/catalog"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/redact"
	"mcpproxy/upstream/raw"
)

// library returns a proxy whose catalogue knows a few tools.
func library(t testing.TB) *Proxy {
	t.Helper()
	p := New(Options{
		Config:   &config.Config{},
		Catalog:  catalog.New(),
		Getenv:   func(string) (string, bool) { return "", false },
		Redactor: new(redact.Redactor),
		CacheDir: t.TempDir(),
	})
	t.Cleanup(p.Close)
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
		p.opts.Catalog.Put(e)
		p.opts.Config.Servers = append(p.opts.Config.Servers, &config.Server{Name: server, ID: e.ID})
	}
	return p
}

func TestForgiveness(t *testing.T) {
	t.Parallel()
	p := library(t)
	for _, c := range []struct {
		name, in string
		want     string // the request as understood, or the error's code
		note     string // part of the notes; empty: there must be none
	}{
		{"exact", `{"action":"call","server":"github","tool":"create_issue","arguments":{"title":"x"}}`,
			`{"action":"call","server":"github","tool":"create_issue","arguments":{"title":"x"}}`, ""},
		{"bytes kept", `{"action":"call","server":"git","tool":"hub","arguments":{"n": 12345678901234567890, "b":1,"a":1.0}}`,
			`{"action":"call","server":"git","tool":"hub","arguments":{"n":12345678901234567890,"b":1,"a":1.0}}`, ""},
		{"no arguments", `{"action":"call","server":"git","tool":"hub"}`,
			`{"action":"call","server":"git","tool":"hub","arguments":{}}`, ""},
		{"null arguments", `{"action":"call","server":"git","tool":"hub","arguments":null}`,
			`{"action":"call","server":"git","tool":"hub","arguments":{}}`, ""},
		{"string arguments", `{"action":"call","server":"git","tool":"hub","arguments":" {\"a\":1} "}`,
			`{"action":"call","server":"git","tool":"hub","arguments":{"a":1}}`, "was a string"},
		{"number", `{"action":"call","server":"git","tool":"hub","arguments":3}`, "invalid_arguments: arguments must be an object, not a number", ""},
		{"array", `{"action":"call","server":"git","tool":"hub","arguments":[]}`, "invalid_arguments: arguments must be an object, not an array", ""},
		{"boolean", `{"action":"call","server":"git","tool":"hub","args":true}`, "invalid_arguments: args must be an object, not a boolean", ""},
		{"text", `{"action":"call","server":"git","tool":"hub","arguments":"hello"}`, "invalid_arguments: arguments must be an object, not a string", ""},
		{"args", `{"action":"call","server":"git","tool":"hub","args":{"a":1}}`,
			`{"action":"call","server":"git","tool":"hub","arguments":{"a":1}}`, "args was read as arguments"},
		{"params", `{"action":"call","server":"git","tool":"hub","params":{"a":1}}`,
			`{"action":"call","server":"git","tool":"hub","arguments":{"a":1}}`, "params"},
		{"input", `{"action":"call","server":"git","tool":"hub","input":{"a":1}}`,
			`{"action":"call","server":"git","tool":"hub","arguments":{"a":1}}`, "input"},
		{"two aliases", `{"action":"call","server":"git","tool":"hub","input":{"a":1},"args":{"b":1}}`, "invalid_arguments: input and args", ""},
		{"top level", `{"action":"call","server":"git","tool":"hub","title":"x","query":"y","limit":3,"name":"z"}`,
			`{"action":"call","server":"git","tool":"hub","arguments":{"limit":3,"name":"z","query":"y","title":"x"}}`, `"query" was moved into arguments`},
		{"top level beside arguments", `{"action":"call","server":"git","tool":"hub","arguments":{"a":1},"title":"x"}`,
			`{"action":"call","server":"git","tool":"hub","arguments":{"title":"x","a":1}}`, `"title" was moved`},
		{"top level twice", `{"action":"call","server":"git","tool":"hub","arguments":{"a":1},"a":2}`, "bad_request: a is there twice", ""},
		{"request as a string", `"{\"action\":\"help\"}"`, `{"action":"help"}`, ""},
		{"wrapped in mcp", `{"mcp":{"action":"help"}}`, `{"action":"help"}`, "repeated wrapper"},
		{"wrapped in arguments", `{"name":"mcp","arguments":{"action":"call","server":"git","tool":"hub","arguments":{"a":1}}}`,
			`{"action":"call","server":"git","tool":"hub","arguments":{"a":1}}`, "repeated wrapper"},
		{"call in call", `{"action":"call","arguments":{"action":"call","server":"git","tool":"hub","arguments":{"a":1}}}`,
			`{"action":"call","server":"git","tool":"hub","arguments":{"a":1}}`, "repeated wrapper"},
		{"same call in call", `{"action":"call","server":"git","tool":"hub","arguments":{"server":"git","tool":"hub","arguments":{"a":1}}}`,
			`{"action":"call","server":"git","tool":"hub","arguments":{"a":1}}`, "repeated wrapper"},
		{"arguments of those names", `{"action":"call","server":"git","tool":"hub","arguments":{"action":"call","tool":"other"}}`,
			`{"action":"call","server":"git","tool":"hub","arguments":{"action":"call","tool":"other"}}`, ""},
		{"dot", `{"action":"call","tool":"github.create_issue"}`, `{"action":"call","server":"github","tool":"create_issue","arguments":{}}`, "was read as"},
		{"colon", `{"action":"call","tool":"github:create_issue"}`, `{"action":"call","server":"github","tool":"create_issue","arguments":{}}`, "was read as"},
		{"slash", `{"action":"call","tool":"github/create_issue"}`, `{"action":"call","server":"github","tool":"create_issue","arguments":{}}`, "was read as"},
		{"underscores", `{"action":"call","tool":"github__create_issue"}`, `{"action":"call","server":"github","tool":"create_issue","arguments":{}}`, "was read as"},
		{"mcp underscores", `{"action":"call","tool":"mcp__github__create_issue"}`, `{"action":"call","server":"github","tool":"create_issue","arguments":{}}`, "was read as"},
		{"longest server", `{"action":"call","tool":"my_server2__github.create_issue"}`, `{"action":"call","server":"my-server2","tool":"github.create_issue","arguments":{}}`, "was read as"},
		{"joined twice", `{"action":"describe_tool","server":"github","tool":"github.create_issue"}`, `{"action":"describe_tool","server":"github","tool":"github.create_issue"}`, ""},
		{"joined with another", `{"action":"call","server":"git","tool":"github.create_issue"}`, "ambiguous_tool: tool \"github.create_issue\" could be github/create_issue or git/github.create_issue", ""},
		{"a tool of that very name", `{"action":"call","server":"my-server2","tool":"github.create_issue"}`,
			`{"action":"call","server":"my-server2","tool":"github.create_issue","arguments":{}}`, ""},
		{"server variant", `{"action":"list_tools","server":"My_Server"}`, `{"action":"list_tools","server":"my-server"}`, `server "My_Server" was read as "my-server"`},
		{"server missing", `{"action":"call","tool":"commit"}`, `{"action":"call","server":"git","tool":"commit","arguments":{}}`, "server was missing"},
		{"server missing, two", `{"action":"call","tool":"search"}`, "ambiguous_tool: tool \"search\" could be", ""},
		{"server missing, none", `{"action":"call","tool":"comit"}`, "unknown_tool: no known tool \"comit\" on any server", ""},
		{"server unknown", `{"action":"call","server":"gitlab","tool":"x"}`, "unknown_server: no server \"gitlab\"", ""},
		{"search", `{"action":"search","query":"x"}`, `{"action":"search_tools","query":"x"}`, ""},
		{"find", `{"action":"find","query":"x","limit":"3"}`, `{"action":"search_tools","query":"x","limit":3}`, ""},
		{"run", `{"action":"run","server":"git","tool":"hub"}`, `{"action":"call","server":"git","tool":"hub","arguments":{}}`, ""},
		{"execute", `{"action":"Execute","server":"git","tool":"hub"}`, `{"action":"call","server":"git","tool":"hub","arguments":{}}`, ""},
		{"invoke", `{"action":"invoke","server":"git","tool":"hub"}`, `{"action":"call","server":"git","tool":"hub","arguments":{}}`, ""},
		{"describe", `{"action":"describe","server":"git","tool":"hub"}`, `{"action":"describe_tool","server":"git","tool":"hub"}`, ""},
		{"schema", `{"action":"schema","server":"git","tool":"hub"}`, `{"action":"describe_tool","server":"git","tool":"hub"}`, ""},
		{"hyphen", `{"action":"list-servers"}`, `{"action":"list_servers"}`, ""},
		{"list", `{"action":"list","server":"git"}`, `{"action":"list_tools","server":"git"}`, ""},
		{"inferred call", `{"server":"git","tool":"hub","arguments":{}}`, `{"action":"call","server":"git","tool":"hub","arguments":{}}`, "action was missing"},
		{"inferred search", `{"query":"x"}`, `{"action":"search_tools","query":"x"}`, "action was missing"},
		{"inferred list", `{"server":"git"}`, `{"action":"list_tools","server":"git"}`, "action was missing"},
		{"call or describe", `{"server":"git","tool":"hub"}`, `bad_request: action is missing: "call" or "describe_tool"?`, ""},
		{"nothing", `{}`, "bad_request: action is missing", ""},
		{"null", `null`, "bad_request: action is missing", ""},
		{"array of it", `[{"action":"help"}]`, "bad_request: the arguments of mcp must be an object, not an array", ""},
		{"action of a wrong type", `{"action":7}`, "bad_request: action must be a string, not a number", ""},
		{"unknown action", `{"action":"frobnicate"}`, `unknown_action: no action "frobnicate"`, ""},
		{"server of a wrong type", `{"action":"status","server":["git"]}`, "bad_request: server must be a string, not an array", ""},
		{"query missing", `{"action":"search_tools"}`, "bad_request: query is missing", ""},
		{"request in arguments", `{"action":"search_tools","arguments":{"query":"x","limit":3}}`, `{"action":"search_tools","query":"x","limit":3}`, "read as part of the request"},
		{"request in a string", `{"action":"describe_tool","params":"{\"server\":\"git\",\"tool\":\"hub\"}"}`, `{"action":"describe_tool","server":"git","tool":"hub"}`, "read as part of the request"},
		{"request in arguments and beside", `{"action":"list_tools","server":"git","arguments":{"server":"github"}}`, `{"action":"list_tools","server":"git"}`, `"arguments" was ignored`},
		{"more than it takes", `{"action":"list_servers","verbose":true,"limit":null}`, `{"action":"list_servers"}`, `"verbose" was ignored`},
		{"arguments in an empty string", `{"action":"call","server":"git","tool":"hub","arguments":""}`, "invalid_arguments: arguments must be an object, not a string", ""},
		{"arguments in two strings", `{"action":"call","server":"git","tool":"hub","arguments":"\"{}\""}`, "invalid_arguments: arguments must be an object, not a string", ""},
		{"joined and folded", `{"action":"describe-tool","tool":"MCP__My-Server__do.it"}`, `{"action":"describe_tool","server":"my-server","tool":"do.it"}`, "was read as"},
		{"hidden characters", `{"action":"list_tools","server":"git\u200bhub"}`, `{"action":"list_tools","server":"github"}`, "was read as"},
		{"server alone with a space", `{"action":"list_tools","server":" my server "}`, `{"action":"list_tools","server":"my-server"}`, "was read as"},
		{"inferred read", `{"result_id":"r1","offset":"16384"}`, `{"action":"read_result","result_id":"r1","offset":16384}`, "action was missing"},
		{"read", `{"action":"read","result_id":"r1","limit":900000,"grep":"a|b"}`, `{"action":"read_result","limit":49152,"result_id":"r1","grep":"a|b"}`, ""},
		{"read nothing", `{"action":"read_result"}`, "bad_request: result_id is missing", ""},
		{"read from before", `{"action":"read_result","result_id":"r1","offset":-1}`, "bad_request: offset must be a whole number of bytes, from 0", ""},
		{"read a part of a match", `{"action":"read_result","result_id":"r1","grep":"x","limit":1.5}`, "bad_request: limit must be a whole number: up to 49152 bytes", ""},
		{"read by a wrong type", `{"action":"read_result","result_id":"r1","select":["a"]}`, "bad_request: select must be a string, not an array", ""},
		{"a result's name in a call", `{"action":"call","server":"git","tool":"hub","result_id":"r1","select":"a"}`,
			`{"action":"call","server":"git","tool":"hub","arguments":{"result_id":"r1","select":"a"}}`, "moved into arguments"},
		{"limit", `{"action":"search_tools","query":"x","limit":900}`, `{"action":"search_tools","query":"x","limit":50}`, ""},
		{"bad limit", `{"action":"search_tools","query":"x","limit":0}`, "bad_request: limit must be a whole number from 1 to 50", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := p.read(json.RawMessage(c.in))
			got := string(raw.Encode(r))
			if err != nil {
				f := p.explain(err)
				got = f.Code + ": " + f.Message
				if f.Next == "" {
					t.Error("no next")
				}
			}
			if got != c.want && (err == nil || !strings.HasPrefix(got, c.want)) {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
			notes := strings.Join(r.notes, "; ")
			if c.note == "" && notes != "" || !strings.Contains(notes, c.note) {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
		})
	}
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

// Whatever arrives, it is understood or refused with a code and a way on.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		`{"action":"call","server":"git","tool":"github.create_issue","args":"{\"a\":1}","title":"x"}`,
		`{"mcp":{"arguments":{"action":"call","tool":"my_server__do.it"}}}`, `"{}"`, `[]`, `{"action":null,"limit":"é"}`,
		`{"tool":"mcp__","server":"","cursor":{}}`, `{"result_id":"r","offset":"9","limit":[],"select":"@"}`, `{"action":"search","input":{"query":"x","limit":"2"}}`, `{"action":"list","arguments":{"action":"list","arguments":{"action":"run"}}}`,
	} {
		f.Add([]byte(seed))
	}
	p := library(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		if !json.Valid(in) {
			return
		}
		r, err := p.read(in)
		if err != nil {
			if f := p.explain(err); f.Code == "" || f.Message == "" || f.Next == "" {
				t.Errorf("%s: %+v", in, f)
			}
			return
		}
		if !json.Valid(raw.Encode(r)) {
			t.Errorf("%s: not valid: %s", in, raw.Encode(r))
		}
		if r.Action == actionCall && (r.Server == "" || r.Tool == "" || r.Arguments[0] != '{') {
			t.Errorf("%s: incomplete call %s", in, raw.Encode(r))
		}
	})
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
	h := &session{proxy: p, ctx: f.Context(), self: &mcp.Implementation{Name: "proxy"}}
	f.Fuzz(func(t *testing.T, in []byte) {
		if !json.Valid(in) {
			return
		}
		params := &mcp.CallToolParamsRaw{Name: toolName, Arguments: in}
		r, ok := h.handle(t.Context(), &mcp.CallToolRequest{Params: params}).(*mcp.CallToolResult)
		if !ok || len(r.Content) != 1 {
			t.Fatalf("%s: no result", in)
		}
		text := r.Content[0].(*mcp.TextContent).Text
		var answer struct{ Error failure }
		err := json.Unmarshal([]byte(text), &answer)
		if r.IsError && (err != nil || answer.Error.Code == "" || answer.Error.Message == "" || answer.Error.Next == "") || text == "" {
			t.Errorf("%s: %s", in, text)
		}
	})
}
