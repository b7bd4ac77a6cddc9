package mcptool

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// members are those of a JSON object, each value as it was written.
type members map[string]json.RawMessage

// inner returns the request that is wrapped in m: a whole one, where m has no
// action of its own to do, or the same call once more.
func (m members) inner() (members, bool) {
	for _, key := range append([]string{Name}, argumentKeys...) {
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
