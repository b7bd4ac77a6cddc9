package mcptool

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// members are the members of a JSON object, with each value as it was written.
type members map[string]json.RawMessage

// inner returns the request that m wraps: a whole one if m names no tool, server
// or query of its own, or the same call once more.
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
		if !ofCall(key) {
			return false
		}
	}
	return true
}

// ofCall reports whether a member is a part of a call.
func ofCall(key string) bool {
	return key == "action" || key == "server" || key == "tool" || slices.Contains(argumentKeys, key)
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
func object(value json.RawMessage) (members, bool) {
	if len(value) == 0 {
		return nil, false
	}
	if value[0] == '"' {
		value = unquote(value)
	}
	var m members
	if json.Unmarshal(value, &m) != nil || m == nil {
		return nil, false
	}
	return m, true
}

// unquote returns the text of a JSON string without the space around it, or nil
// for another value.
func unquote(value json.RawMessage) json.RawMessage {
	var s string
	if json.Unmarshal(value, &s) != nil {
		return nil
	}
	return json.RawMessage(strings.TrimSpace(s))
}

// absent reports whether a member is missing or null, which mean the same.
func absent(value json.RawMessage) bool { return len(value) == 0 || string(value) == "null" }

// typeName returns the JSON type of a value, with an article.
func typeName(value json.RawMessage) string {
	if len(value) == 0 {
		return "nothing"
	}
	switch value[0] {
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
