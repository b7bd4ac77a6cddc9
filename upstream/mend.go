package upstream

import (
	"bytes"
	"encoding/json"
)

// mendGreeting returns the result of initialize or server/discover with an
// empty object wherever there must be one and there is none: PHP writes an empty
// map as [], and others write true for what they offer. false and null mean that
// there is nothing. What is not an object is returned as it is.
func mendGreeting(result json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(result, &members) != nil || members == nil {
		return result
	}
	odd := false
	for _, name := range []string{"capabilities", "serverInfo", "_meta"} {
		value, ok := members[name]
		if !ok {
			continue
		}
		mended, changed := mendObject(value)
		if name == "capabilities" {
			var inner bool
			mended, inner = mendCapabilities(mended)
			changed = changed || inner
		}
		members[name], odd = mended, odd || changed
	}
	if !odd {
		return result
	}
	b, err := json.Marshal(members)
	if err != nil {
		return result
	}
	return b
}

// mendCapabilities mends the members of capabilities, which are objects too.
func mendCapabilities(value json.RawMessage) (mended json.RawMessage, changed bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(value, &members) != nil {
		return value, false
	}
	for name, member := range members {
		if text := string(member); text == "false" || text == "null" {
			delete(members, name)
			changed = true
			continue
		}
		object, odd := mendObject(member)
		members[name], changed = object, changed || odd
	}
	b, err := json.Marshal(members)
	if err != nil || !changed {
		return value, false
	}
	return b, true
}

// mendObject returns an empty object in place of any other value.
func mendObject(value json.RawMessage) (object json.RawMessage, changed bool) {
	if bytes.HasPrefix(value, []byte("{")) {
		return value, false
	}
	return json.RawMessage("{}"), true
}
