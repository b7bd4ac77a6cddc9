package mcptool_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"mcpproxy/catalog"
	"mcpproxy/catalog/names"
	"mcpproxy/proxy/mcptool"
	"mcpproxy/upstream/raw"
)

// A directory knows the tools of all servers, and none is filtered.
type directory struct {
	servers []string
	tools   [][]catalog.Tool
}

func (s directory) Servers() []string          { return s.servers }
func (s directory) Tools(i int) []catalog.Tool { return s.tools[i] }
func (s directory) Offers(i int, tool string) bool {
	return slices.ContainsFunc(s.tools[i], func(t catalog.Tool) bool { return t.Name == tool })
}

// newDirectory returns a directory of a few servers.
func newDirectory(t testing.TB) (d directory) {
	t.Helper()
	for _, server := range []struct {
		name  string
		tools []string
	}{
		{"git", []string{"hub", "commit"}},
		{"github", []string{"create_issue", "list-repos", "search"}},
		{"my-server", []string{"do.it", "search"}},
		{"my-server2", []string{"github.create_issue"}},
	} {
		var tools []catalog.Tool
		for _, name := range server.tools {
			tools = append(tools, newTool(t, `{"name":`+raw.Quote(name)+`}`))
		}
		d.servers, d.tools = append(d.servers, server.name), append(d.tools, tools)
	}
	return d
}

func newTool(t testing.TB, descriptor string) catalog.Tool {
	t.Helper()
	tool, err := catalog.ParseTool([]byte(descriptor))
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

// code returns a word for each error of Parse, and "" for others.
func code(err error) string {
	if e, ok := errors.AsType[*mcptool.RequestError](err); ok {
		if e.OfArguments() {
			return "invalid_arguments"
		}
		return "bad_request"
	}
	if _, ok := errors.AsType[*mcptool.UnknownActionError](err); ok {
		return "unknown_action"
	}
	if _, ok := errors.AsType[*mcptool.UnknownServerError](err); ok {
		return "unknown_server"
	}
	if _, ok := errors.AsType[*mcptool.UnknownToolError](err); ok {
		return "unknown_tool"
	}
	if e, ok := errors.AsType[*mcptool.AmbiguousError](err); ok {
		return "ambiguous_" + string(e.Kind)
	}
	return ""
}

func TestSlipsAreRepaired(t *testing.T) {
	t.Parallel()
	d := newDirectory(t)
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
			r, err := mcptool.Parse(json.RawMessage(c.in), d)
			got := string(raw.Encode(r))
			if err != nil {
				got = code(err) + ": " + err.Error()
			}
			if got != c.want && (err == nil || !strings.HasPrefix(got, c.want)) {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
			notes := strings.Join(r.Notes, "; ")
			if c.note == "" && notes != "" || !strings.Contains(notes, c.note) {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
		})
	}
}

// Whatever arrives, Parse understands it or returns one of its errors, and the
// JSON of what it understood asks for the same without a repair.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"action":"call","tool":"github.create_issue","input":{"title":"x","tool":"create_issue"},"limit":3}`, `{"action":"call","tool":"Commit"}`, `{"action":"read","result_id":"r","limit":"900000","offset":0}`,
		`{"action":"call","server":"git","tool":"github.create_issue","args":"{\"a\":1}","title":"x"}`,
		`{"mcp":{"arguments":{"action":"call","tool":"my_server__do.it"}}}`, `"{}"`, `[]`, `{"action":null,"limit":"é"}`,
		`{"action":"call","server":"github","tool":"x","arguments":{"a":1}}`, ` {"tool":"a.b", "action":"call","server":"github"}`,
		`{"tool":"mcp__","server":"","cursor":{}}`, `{"result_id":"r","offset":"9","limit":[],"select":"@"}`, `{"action":"search","input":{"query":"x","limit":"2"}}`, `{"action":"list","arguments":{"action":"list","arguments":{"action":"run"}}}`,
	} {
		f.Add([]byte(seed))
	}
	d := newDirectory(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		if !json.Valid(in) {
			return
		}
		r, err := mcptool.Parse(in, d)
		slow, slowErr := mcptool.ParseSteps(in, d)
		if code(err) != code(slowErr) || string(raw.Encode(r)) != string(raw.Encode(slow)) || r.Index != slow.Index || len(r.Notes) != len(slow.Notes) {
			t.Errorf("%s: %s, %v, but in steps %s, %v", in, raw.Encode(r), err, raw.Encode(slow), slowErr)
		}
		if err != nil {
			if code(err) == "" || err.Error() == "" {
				t.Errorf("%s: %T %v", in, err, err)
			}
			return
		}
		if !json.Valid(raw.Encode(r)) {
			t.Errorf("%s: not valid: %s", in, raw.Encode(r))
		}
		if r.Action == mcptool.Call && (r.Server == "" || r.Tool == "" || r.Arguments[0] != '{') {
			t.Errorf("%s: incomplete call %s", in, raw.Encode(r))
		}
		if looksLikeAnother(r, d) {
			return
		}
		again, err := mcptool.Parse(raw.Encode(r), d)
		if err != nil || len(again.Notes) > 0 || again.Index != r.Index || !bytes.Equal(raw.Encode(again), raw.Encode(r)) {
			t.Errorf("%s: %s became %s, %v, %q", in, raw.Encode(r), raw.Encode(again), err, again.Notes)
		}
	})
}

// looksLikeAnother reports whether the JSON of a request may be understood as
// another one: the name of the tool is joined with that of a server, or the
// arguments have a member with which they look like the same call once more.
func looksLikeAnother(r mcptool.Request, d mcptool.Directory) bool {
	var arguments map[string]json.RawMessage
	if r.Action == mcptool.Call && json.Unmarshal(r.Arguments, &arguments) == nil && arguments["tool"] != nil {
		return true
	}
	_, _, joined := names.Split(r.Tool, d.Servers())
	return joined
}

// Parse returns the index of the server, and the tool if it found the server
// by that, so that a caller looks up neither again.
func TestParseReturnsIndexAndTool(t *testing.T) {
	t.Parallel()
	d := newDirectory(t)
	for in, want := range map[string]struct {
		index int
		found string
	}{
		`{"action":"call","server":"github","tool":"search"}`:         {1, ""},
		`{"action":"call","tool":"github.search"}`:                    {1, ""},
		`{"action":"status","server":"My_Server"}`:                    {2, ""},
		`{"action":"call","tool":"Commit"}`:                           {0, "commit"},
		`{"action":"describe_tool","tool":"do.it"}`:                   {2, "do.it"},
		`{"action":"status"}`:                                         {-1, ""},
		`{"action":"call","server":"my-server2","tool":"git.commit"}`: {3, ""}, // ambiguous, but the server is found
	} {
		r, _ := mcptool.Parse(json.RawMessage(in), d)
		found := ""
		if r.Found != nil {
			found = r.Found.Name
		}
		if r.Index != want.index || found != want.found {
			t.Errorf("%s: index %d, found %q, want %+v", in, r.Index, found, want)
		}
	}
}
