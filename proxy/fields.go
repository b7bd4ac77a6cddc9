package proxy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"mcpproxy/upstream/raw"
)

// fields are the members of a request that are not a tool's arguments. A call
// has no more of them than it must: its tool may have arguments of any name.
var fields = map[action]struct{ needs, takes []string }{
	actionHelp:         {},
	actionListServers:  {},
	actionListTools:    {takes: []string{"server", "cursor"}},
	actionSearchTools:  {needs: []string{"query"}, takes: []string{"server", "limit"}},
	actionDescribeTool: {needs: []string{"server", "tool"}},
	actionCall:         {needs: []string{"server", "tool"}},
	actionStatus:       {takes: []string{"server"}},
	actionReadResult:   {needs: []string{"result_id"}, takes: []string{"offset", "limit", "grep", "select"}},
	actionLogin:        {needs: []string{"server"}, takes: []string{"scope"}},

	actionCompleteLogin: {needs: []string{"server", "redirect_url"}},
}

// readFields reads the members that the action takes, and notes those that it
// does not. They may have been put into arguments by mistake.
func (r *request) readFields() error {
	f := fields[r.Action]
	takes := slices.Concat(f.needs, f.takes)
	if r.Action != actionCall {
		r.spreadArguments(takes)
	}
	for _, key := range takes {
		if raw := r.members[key]; !absent(raw) {
			if err := r.set(key, raw); err != nil {
				return err
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(r.members)) {
		if r.Action != actionCall && key != "action" && !slices.Contains(takes, key) && !absent(r.members[key]) {
			r.note("%s was ignored: %s does not take it", raw.Quote(key), r.Action)
		}
	}
	return nil
}

// spreadArguments moves what is in arguments to the top level, where the
// action takes it and it is not there yet.
func (r *request) spreadArguments(takes []string) {
	for _, key := range argumentKeys {
		in, ok := object(r.members[key])
		if !ok {
			continue
		}
		spread := maps.Clone(r.members)
		delete(spread, key)
		for field, raw := range in {
			if !slices.Contains(takes, field) || !absent(spread[field]) {
				return // not what it looks like
			}
			spread[field] = raw
		}
		if len(in) > 0 {
			r.note("what was in %s was read as part of the request", key)
		}
		r.members = spread
	}
}

// set reads one member.
func (r *request) set(key string, raw json.RawMessage) error {
	texts := map[string]*string{
		"server": &r.Server, "tool": &r.Tool, "query": &r.Query, "cursor": &r.Cursor,
		"result_id": &r.ResultID, "grep": &r.Grep, "select": &r.Select,
		"scope": &r.Scope, "redirect_url": &r.RedirectURL,
	}
	if text := texts[key]; text != nil {
		if json.Unmarshal(raw, text) != nil {
			return r.fail(key, "must be a string, not "+typeName(raw))
		}
		return nil
	}
	n, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
	switch {
	case key == "offset" && (err != nil || n < 0):
		return r.fail(key, "must be a whole number of bytes, from 0")
	case key == "offset":
		r.Offset = n
	case r.Action == actionReadResult && (err != nil || n < 1):
		return r.fail(key, fmt.Sprintf("must be a whole number: up to %d bytes, or up to %d matches with grep", maxPage, maxMatches))
	case r.Action == actionReadResult:
		r.Limit = int(min(n, maxPage))
	case err != nil || n < 1:
		return r.fail(key, fmt.Sprintf("must be a whole number from 1 to %d", maxLimit))
	default:
		r.Limit = int(min(n, maxLimit))
	}
	return nil
}

// scopes returns the scopes of a login.
func (r *request) scopes() []string { return strings.Fields(r.Scope) }

// checkFields misses what the action needs.
func (r *request) checkFields() error {
	have := map[string]string{"server": r.Server, "tool": r.Tool, "query": r.Query, "result_id": r.ResultID, "redirect_url": r.RedirectURL}
	for _, field := range fields[r.Action].needs {
		if strings.TrimSpace(have[field]) == "" {
			return r.fail(field, "is missing")
		}
	}
	return nil
}
