package mcptool

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"mcpproxy/upstream/raw"
)

// Bounds on what one request may ask for.
const (
	MaxHits    = 50       // tools that search_tools returns
	MaxPage    = 48 << 10 // bytes of text that read_result returns
	MaxMatches = 100      // lines that read_result returns with grep
)

// fields are the members of a request that are not a tool's arguments. A call
// has only those it needs, because its tool may have arguments of any name.
var fields = map[Action]struct{ needs, takes []string }{
	Help:         {},
	ListServers:  {},
	ListTools:    {takes: []string{"server", "cursor"}},
	SearchTools:  {needs: []string{"query"}, takes: []string{"server", "limit"}},
	DescribeTool: {needs: []string{"server", "tool"}},
	Call:         {needs: []string{"server", "tool"}},
	Status:       {takes: []string{"server"}},
	ReadResult:   {needs: []string{"result_id"}, takes: []string{"offset", "limit", "grep", "select"}},
	Login:        {needs: []string{"server"}, takes: []string{"scope"}},

	CompleteLogin: {needs: []string{"server", "redirect_url"}},
}

// readFields reads the members that the action takes, also those that a model
// put into arguments by mistake, and notes the others.
func (r *Request) readFields() error {
	f := fields[r.Action]
	takes := slices.Concat(f.needs, f.takes)
	if r.Action != Call {
		r.spreadArguments(takes)
	}
	for _, key := range takes {
		if value := r.members[key]; !absent(value) {
			if err := r.set(key, value); err != nil {
				return err
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(r.members)) {
		if r.Action != Call && key != "action" && !slices.Contains(takes, key) && !absent(r.members[key]) {
			r.note("%s was ignored: %s does not take it", raw.Quote(key), r.Action)
		}
	}
	return nil
}

// spreadArguments moves the members of arguments to the top level. It leaves
// arguments alone if the action does not take one of the members or the top
// level has it already.
func (r *Request) spreadArguments(takes []string) {
	for _, key := range argumentKeys {
		in, ok := object(r.members[key])
		if !ok {
			continue
		}
		spread := maps.Clone(r.members)
		delete(spread, key)
		for field, value := range in {
			if !slices.Contains(takes, field) || !absent(spread[field]) {
				return
			}
			spread[field] = value
		}
		if len(in) > 0 {
			r.note("what was in %s was read as part of the request", key)
		}
		r.members = spread
	}
}

// set reads one member.
func (r *Request) set(key string, value json.RawMessage) error {
	texts := map[string]*string{
		"server": &r.Server, "tool": &r.Tool, "query": &r.Query, "cursor": &r.Cursor,
		"result_id": &r.ResultID, "grep": &r.Grep, "select": &r.Select,
		"scope": &r.Scope, "redirect_url": &r.RedirectURL,
	}
	if text := texts[key]; text != nil {
		if json.Unmarshal(value, text) != nil {
			return r.fail(key, "must be a string, not "+typeName(value))
		}
		return nil
	}
	n, err := strconv.ParseInt(strings.Trim(string(value), `"`), 10, 64)
	switch {
	case key == "offset" && (err != nil || n < 0):
		return r.fail(key, "must be a whole number of bytes, from 0")
	case key == "offset":
		r.Offset = n
	case r.Action == ReadResult && (err != nil || n < 1):
		return r.fail(key, fmt.Sprintf("must be a whole number: up to %d bytes, or up to %d matches with grep", MaxPage, MaxMatches))
	case r.Action == ReadResult:
		r.Limit = int(min(n, MaxPage))
	case err != nil || n < 1:
		return r.fail(key, fmt.Sprintf("must be a whole number from 1 to %d", MaxHits))
	default:
		r.Limit = int(min(n, MaxHits))
	}
	return nil
}

// checkFields refuses a request without a member that its action needs.
func (r *Request) checkFields() error {
	have := map[string]string{"server": r.Server, "tool": r.Tool, "query": r.Query, "result_id": r.ResultID, "redirect_url": r.RedirectURL}
	for _, field := range fields[r.Action].needs {
		if strings.TrimSpace(have[field]) == "" {
			return r.fail(field, "is missing")
		}
	}
	return nil
}
