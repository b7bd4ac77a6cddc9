package proxy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mcpproxy/catalog/names"
	"mcpproxy/upstream/raw"
)

// An action is a verb of the mcp tool.
type action string

const (
	actionHelp         action = "help"
	actionListServers  action = "list_servers"
	actionListTools    action = "list_tools"
	actionSearchTools  action = "search_tools"
	actionDescribeTool action = "describe_tool"
	actionCall         action = "call"
	actionReadResult   action = "read_result"
	actionStatus       action = "status"
	actionLogin        action = "login"

	actionCompleteLogin action = "complete_login"
)

// actions are what the tool can do, in the order of its schema.
var actions = []action{
	actionSearchTools, actionDescribeTool, actionCall, actionReadResult,
	actionListServers, actionListTools, actionStatus,
	actionLogin, actionCompleteLogin, actionHelp,
}

// synonyms are the other words that models use for an action.
var synonyms = map[string]action{
	"search": actionSearchTools, "find": actionSearchTools, "find_tool": actionSearchTools,
	"find_tools": actionSearchTools, "search_tool": actionSearchTools,
	"run": actionCall, "execute": actionCall, "invoke": actionCall, "call_tool": actionCall,
	"run_tool": actionCall, "use_tool": actionCall, "tools/call": actionCall,
	"describe": actionDescribeTool, "schema": actionDescribeTool, "get_schema": actionDescribeTool,
	"servers": actionListServers, "tools": actionListTools, "list_tool": actionListTools,
	"tools/list": actionListTools, "usage": actionHelp,
	"auth": actionLogin, "authenticate": actionLogin, "authorize": actionLogin,
	"sign_in": actionLogin, "log_in": actionLogin, "finish_login": actionCompleteLogin,
	"read": actionReadResult, "get_result": actionReadResult, "fetch_result": actionReadResult,
	"read_results": actionReadResult, "result": actionReadResult,
}

// argumentKeys are the members that may hold a tool's arguments: the right
// one, then its aliases.
var argumentKeys = []string{"arguments", "args", "params", "input"}

// maxLimit is how many tools search_tools returns at most.
const maxLimit = 50

// A request is what the host's model asks of the mcp tool, once understood.
type request struct {
	Action    action          `json:"action"`
	Server    string          `json:"server,omitempty"`
	Tool      string          `json:"tool,omitempty"`
	Arguments json.RawMessage `json:"arguments,omitempty"`
	Query     string          `json:"query,omitempty"`
	Cursor    string          `json:"cursor,omitempty"`
	Limit     int             `json:"limit,omitempty"`
	Scope     string          `json:"scope,omitempty"` // separated by spaces

	RedirectURL string `json:"redirect_url,omitempty"`
	ResultID    string `json:"result_id,omitempty"`
	Offset      int64  `json:"offset,omitempty"`
	Grep        string `json:"grep,omitempty"`
	Select      string `json:"select,omitempty"`

	members members
	notes   []string // what was repaired
}

type members map[string]json.RawMessage

func (r *request) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// fail makes an error about one member of the request.
func (r *request) fail(field, reason string) error {
	return &RequestError{Action: string(r.Action), Server: r.Server, Tool: r.Tool, ResultID: r.ResultID, Field: field, Reason: reason}
}

// read understands what a model sent, in steps: unwrap what is wrapped, find
// the action, read the fields, place server and tool, gather the arguments.
// Slips that leave no doubt are repaired, and noted; others are errors. The
// last steps, which need the tool's input schema, are those of repair.
func (p *Proxy) read(raw json.RawMessage) (request, error) {
	r := request{}
	for _, step := range []func(*request) error{
		func(r *request) error { return r.unwrap(raw) },
		(*request).findAction,
		(*request).readFields,
		p.place,
		(*request).checkFields,
		(*request).gatherArguments,
	} {
		if err := step(&r); err != nil {
			return r, err
		}
	}
	return r, nil
}

// unwrap takes the request out of JSON strings and repeated wrappers.
func (r *request) unwrap(raw json.RawMessage) error {
	if raw = bytes.TrimSpace(raw); absent(raw) {
		raw = json.RawMessage("{}")
	}
	m, ok := object(raw)
	if !ok {
		return r.fail("", "the arguments of mcp must be an object, not "+typeName(raw))
	}
	for range 3 {
		inner, ok := m.inner()
		if !ok {
			break
		}
		r.note("the request was taken out of a repeated wrapper")
		m = inner
	}
	r.members = m
	return nil
}

// inner returns the request that is wrapped in m: a whole one, where m has no
// action of its own to do, or the same call once more.
func (m members) inner() (members, bool) {
	for _, key := range append([]string{toolName}, argumentKeys...) {
		in, ok := object(m[key])
		if !ok {
			continue
		}
		bare := absent(m["tool"]) && absent(m["server"]) && absent(m["query"])
		if _, err := parseAction(in); err == nil && bare {
			return in, true
		}
		if !absent(in["tool"]) && bytes.Equal(m["tool"], in["tool"]) && in.isCall() {
			again := maps.Clone(m)
			again[key] = in.arguments()
			return again, true
		}
	}
	return nil, false
}

// isCall reports whether m has the members of a call and no others.
func (m members) isCall() bool {
	for key := range m {
		if key != "action" && key != "server" && key != "tool" && !slices.Contains(argumentKeys, key) {
			return false
		}
	}
	return true
}

// arguments returns the first member that may hold a call's arguments.
func (m members) arguments() json.RawMessage {
	for _, key := range argumentKeys {
		if !absent(m[key]) {
			return m[key]
		}
	}
	return nil
}

func (r *request) findAction() (err error) {
	m := r.members
	switch {
	case !absent(m["action"]):
		r.Action, err = parseAction(m)
		return err
	case !absent(m["tool"]) && m.arguments() != nil:
		r.Action = actionCall
	case !absent(m["tool"]):
		// To describe and to call are both likely, and a call cannot be undone.
		return r.fail("action", `is missing: "call" or "describe_tool"?`)
	case !absent(m["result_id"]):
		r.Action = actionReadResult
	case !absent(m["query"]):
		r.Action = actionSearchTools
	case !absent(m["server"]):
		r.Action = actionListTools
	default:
		return r.fail("action", "is missing")
	}
	r.note("action was missing and read as %s", raw.Quote(string(r.Action)))
	return nil
}

func parseAction(m members) (action, error) {
	var word string
	if json.Unmarshal(m["action"], &word) != nil {
		return "", &RequestError{Field: "action", Reason: "must be a string, not " + typeName(m["action"])}
	}
	name := names.Fold(word)
	if a, ok := synonyms[name]; ok {
		return a, nil
	}
	if name == "list" {
		if absent(m["server"]) {
			return actionListServers, nil
		}
		return actionListTools, nil
	}
	if a := action(name); slices.Contains(actions, a) {
		return a, nil
	}
	var known []string
	for _, a := range actions {
		known = append(known, string(a))
	}
	return "", &UnknownActionError{Action: word, Near: names.Nearest(name, known, 2)}
}

// gatherArguments finds the arguments of a call: under their name or an
// alias, as an object or a string that holds one, or left at the top level.
func (r *request) gatherArguments() error {
	if r.Action != actionCall {
		return nil
	}
	var key string
	for _, k := range argumentKeys {
		if absent(r.members[k]) {
			continue
		}
		if key != "" {
			return r.fail(k, "and "+key+" are both there; give the tool's arguments once, as arguments")
		}
		key = k
	}
	args := members{}
	r.Arguments = json.RawMessage("{}")
	if raw := r.members[key]; key != "" {
		var ok bool
		if args, ok = object(raw); !ok {
			return r.fail(key, "must be an object, not "+typeName(raw))
		}
		r.Arguments = raw
		if raw[0] == '"' {
			r.Arguments = unquote(raw)
			r.note("%s was a string and read as the object in it", key)
		}
		if key != argumentKeys[0] {
			r.note("%s was read as arguments", key)
		}
	}
	return r.addLeftovers(args)
}

// addLeftovers takes members at the top level as arguments.
func (r *request) addLeftovers(args members) error {
	var added []string
	for _, key := range slices.Sorted(maps.Keys(r.members)) {
		if key == "action" || key == "server" || key == "tool" || slices.Contains(argumentKeys, key) {
			continue
		}
		if have, ok := args[key]; ok {
			if bytes.Equal(have, r.members[key]) {
				continue
			}
			return r.fail(key, "is there twice, at the top level and in arguments, with different values")
		}
		added = append(added, raw.Quote(key)+":"+string(r.members[key]))
		r.note("%s was moved into arguments", raw.Quote(key))
	}
	r.Arguments = raw.Splice(r.Arguments, added...)
	return nil
}

// object reads a JSON object, or a string that holds one.
func object(raw json.RawMessage) (members, bool) {
	if len(raw) == 0 {
		return nil, false
	}
	if raw[0] == '"' {
		raw = unquote(raw)
	}
	var m members
	if json.Unmarshal(raw, &m) != nil || m == nil {
		return nil, false
	}
	return m, true
}

// unquote returns what a JSON string holds, without space around it.
func unquote(raw json.RawMessage) json.RawMessage {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return nil
	}
	return json.RawMessage(strings.TrimSpace(s))
}

func absent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// typeName names the JSON type of a value, with its article.
func typeName(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "nothing"
	}
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}
