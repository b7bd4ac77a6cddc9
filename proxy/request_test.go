package proxy

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/catalog"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/mcptool"
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
		params := &mcp.CallToolParamsRaw{Name: mcptool.Name, Arguments: in}
		r, ok := h.handle(t.Context(), &mcp.CallToolRequest{Params: params}).(*mcp.CallToolResult)
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
