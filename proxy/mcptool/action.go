package mcptool

import (
	"encoding/json"
	"slices"

	"mcpproxy/catalog/names"
)

// An Action says what a request asks the tool to do.
type Action string

const (
	Help         Action = "help"
	ListServers  Action = "list_servers"
	ListTools    Action = "list_tools"
	SearchTools  Action = "search_tools"
	DescribeTool Action = "describe_tool"
	Call         Action = "call"
	ReadResult   Action = "read_result"
	Status       Action = "status"
	Login        Action = "login"

	CompleteLogin Action = "complete_login"
)

// actions are all of them, in the order of the tool's schema.
var actions = []Action{
	SearchTools, DescribeTool, Call, ReadResult,
	ListServers, ListTools, Status,
	Login, CompleteLogin, Help,
}

// synonyms are words that models use for an action, folded.
var synonyms = map[string]Action{
	"search": SearchTools, "find": SearchTools, "find_tool": SearchTools,
	"find_tools": SearchTools, "search_tool": SearchTools,
	"run": Call, "execute": Call, "invoke": Call, "call_tool": Call,
	"run_tool": Call, "use_tool": Call, "tools/call": Call,
	"describe": DescribeTool, "schema": DescribeTool, "get_schema": DescribeTool,
	"servers": ListServers, "tools": ListTools, "list_tool": ListTools,
	"tools/list": ListTools, "usage": Help,
	"auth": Login, "authenticate": Login, "authorize": Login,
	"sign_in": Login, "log_in": Login, "finish_login": CompleteLogin,
	"read": ReadResult, "get_result": ReadResult, "fetch_result": ReadResult,
	"read_results": ReadResult, "result": ReadResult,
}

// parseAction reads the action of a request, which may be a synonym.
func parseAction(m members) (Action, error) {
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
			return ListServers, nil
		}
		return ListTools, nil
	}
	if a := Action(name); slices.Contains(actions, a) {
		return a, nil
	}
	var known []string
	for _, a := range actions {
		known = append(known, string(a))
	}
	return "", &UnknownActionError{Action: word, Near: names.Nearest(name, known, 2)}
}
