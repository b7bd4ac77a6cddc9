package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// A script answers each request for a list with its next step.
type script struct {
	steps   []any    // a result, or an error
	cursors []string // that were asked for, "-" for none
}

func (s *script) send(_ context.Context, r rawRequest) (json.RawMessage, error) {
	cursor := "-"
	if r.cursor != nil {
		cursor = *r.cursor
	}
	s.cursors = append(s.cursors, cursor)
	step := s.steps[min(len(s.cursors), len(s.steps))-1]
	if err, ok := step.(error); ok {
		return nil, err
	}
	return json.RawMessage(step.(string)), nil
}

func TestPagesOfAList(t *testing.T) {
	t.Parallel()
	refused := &jsonrpc.Error{Code: -32602, Message: "bad cursor"}
	const a, b = `{"name":"a"}`, `{"name":"b"}`
	for name, c := range map[string]struct {
		steps   []any
		modern  bool
		cursors string
		tools   int
		err     error // of the list, or of its rest
		rest    bool
	}{
		"one page":                   {[]any{`{"tools":[` + a + `]}`}, false, "[-]", 1, nil, false},
		"null cursor":                {[]any{`{"tools":[` + a + `],"nextCursor":null}`}, true, "[-]", 1, nil, false},
		"empty cursor, old":          {[]any{`{"tools":[` + a + `],"nextCursor":""}`}, false, "[-]", 1, nil, false},
		"empty cursor, new":          {[]any{`{"tools":[` + a + `],"nextCursor":""}`, `{"tools":[` + b + `]}`}, true, "[- ]", 2, nil, false},
		"the same page for ever":     {[]any{`{"tools":[` + a + `],"nextCursor":"x"}`}, false, "[- x]", 1, nil, false},
		"in a circle":                {[]any{`{"tools":[` + a + `],"nextCursor":"x"}`, `{"tools":[` + b + `],"nextCursor":"y"}`, `{"tools":[` + a + `],"nextCursor":"x"}`}, false, "[- x y]", 2, nil, false},
		"second page refused":        {[]any{`{"tools":[` + a + `],"nextCursor":"x"}`, refused}, false, "[- x]", 1, refused, true},
		"first page refused":         {[]any{refused}, false, "[-]", 0, refused, false},
		"second page cannot be read": {[]any{`{"tools":[` + a + `],"nextCursor":"x"}`, `{"tools":"b"}`}, false, "[- x]", 1, errNoList, true},
		"no list":                    {[]any{`{"tools":{"a":1}}`}, false, "[-]", 0, errNoList, false},
		"no object":                  {[]any{`[]`}, false, "[-]", 0, errNoList, false},
		"no tools":                   {[]any{`{}`}, false, "[-]", 0, nil, false},
		"odd lifetime":               {[]any{`{"tools":[` + a + `],"ttlMs":"soon","nextCursor":5}`}, false, "[-]", 1, nil, false},
		"not sent":                   {[]any{`{"tools":[` + a + `],"nextCursor":"x"}`, ErrNotSent}, false, "[- x]", 0, ErrNotSent, false},
	} {
		server := &script{steps: c.steps}
		s := &Session{sender: server}
		if c.modern {
			s.meta = json.RawMessage(`"a":1`)
		}
		l, err := s.ListTools(t.Context())
		if c.rest {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			err = l.Err
		}
		if !errors.Is(err, c.err) || len(l.Tools) != c.tools || fmt.Sprint(server.cursors) != c.cursors {
			t.Errorf("%s: %d tools, %v, asked for %v", name, len(l.Tools), err, server.cursors)
		}
	}
}

func TestEmptyCursorOverHTTP(t *testing.T) {
	t.Parallel()
	var asked []string
	f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, m message) bool {
		if m.Method == "server/discover" {
			answer(w, m, `"result":{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}`)
			return true
		}
		if m.Method != "tools/list" {
			return false
		}
		asked = append(asked, string(m.Params.Cursor))
		next := `,"nextCursor":""`
		if m.Params.Cursor != nil {
			next = ""
		}
		answer(w, m, fmt.Sprintf(`"result":{"tools":[{"name":"t%d"}]%s}`, len(asked), next))
		return true
	})
	if tools := list(t, newTest(t, httpConfig(f.URL))); len(tools) != 2 || fmt.Sprint(asked) != `[ ""]` {
		t.Errorf("%d tools, asked for %q", len(tools), asked)
	}
}

func TestServerWithoutTools(t *testing.T) {
	t.Parallel()
	for capabilities, ok := range map[string]bool{`{"prompts":{}}`: true, `{"tools":{}}`: false} {
		f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, m message) bool {
			switch m.Method {
			case "initialize":
				answer(w, m, `"result":{"protocolVersion":"2025-06-18","capabilities":`+capabilities+`,"serverInfo":{"name":"fake","version":"0"}}`)
			case "tools/list":
				answer(w, m, `"error":{"code":-32601,"message":"no such method"}`)
			default:
				return false
			}
			return true
		})
		u := newTest(t, httpConfig(f.URL))
		err := u.With(t.Context(), func(ctx context.Context, s *Session) error {
			_, err := s.ListTools(ctx)
			return err
		})
		if (err == nil) != ok {
			t.Errorf("%s: %v", capabilities, err)
		}
	}
}

// A slow sender takes a while for each page.
type slow struct {
	each time.Duration
	n    int
}

func (s *slow) send(ctx context.Context, _ rawRequest) (json.RawMessage, error) {
	s.n++
	select {
	case <-time.After(s.each):
		return fmt.Appendf(nil, `{"tools":[{"name":"t%d"}],"nextCursor":"%d"}`, s.n, s.n), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// All pages together have the time of one call.
func TestListIsBoundedInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Session{sender: &slow{each: 55 * time.Second}, limits: DefaultLimits}
		start := time.Now()
		l, err := s.ListTools(t.Context())
		if took := time.Since(start); took != time.Duration(DefaultLimits.MaxCallTime) {
			t.Errorf("took %v", took)
		}
		if e, ok := errors.AsType[*TimeoutError](l.Err); err != nil || !ok || e.Idle || e.Stage != StageList || len(l.Tools) != 10 {
			t.Errorf("%d tools, %v, rest %v", len(l.Tools), err, l.Err)
		}
	})
}
