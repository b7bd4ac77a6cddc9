package mcptool

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"mcpproxy/catalog"
	"mcpproxy/upstream/raw"
)

// argumentKeys are the members that may hold a tool's arguments: the documented
// one, then its aliases.
var argumentKeys = []string{"arguments", "args", "params", "input"}

// gatherArguments finds the arguments of a call: under their name or an
// alias, as an object or a string that holds one, or at the top level.
func (r *Request) gatherArguments() error {
	if r.Action != Call {
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
	if given := r.members[key]; key != "" {
		var ok bool
		if args, ok = object(given); !ok {
			return r.fail(key, "must be an object, not "+typeName(given))
		}
		r.Arguments = given
		if given[0] == '"' {
			r.Arguments = unquote(given)
			r.note("%s was a string and read as the object in it", key)
		}
		if key != argumentKeys[0] {
			r.note("%s was read as arguments", key)
		}
	}
	return r.addTopLevel(args)
}

// addTopLevel adds the members at the top level that are no part of a call to
// the arguments, which args holds decoded.
func (r *Request) addTopLevel(args members) error {
	var added []string
	for _, key := range slices.Sorted(maps.Keys(r.members)) {
		if ofCall(key) {
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

// Unwrap returns the arguments that args wraps once more. It reports false
// unless the tool declares each of them and does not declare the wrapper.
func Unwrap(tool catalog.Tool, args json.RawMessage) (json.RawMessage, bool) {
	var schema struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	for key := range raw.Members(args) {
		if !slices.ContainsFunc(argumentKeys, func(k string) bool { return raw.KeyIs(key, k) }) {
			return nil, false // as most
		}
	}
	m, _ := object(args)
	if len(m) != 1 || m.arguments() == nil || json.Unmarshal(tool.InputSchema, &schema) != nil {
		return nil, false
	}
	inner, ok := object(m.arguments())
	if !ok || len(inner) == 0 {
		return nil, false
	}
	for key := range m {
		if schema.Properties[key] != nil {
			return nil, false
		}
	}
	for key := range inner {
		if schema.Properties[key] == nil {
			return nil, false
		}
	}
	if wrapped := m.arguments(); wrapped[0] != '"' {
		return wrapped, true
	}
	return unquote(m.arguments()), true
}
