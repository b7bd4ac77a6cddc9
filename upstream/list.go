package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy/upstream/raw"
)

// A ToolList is the answer to tools/list, with all pages.
type ToolList struct {
	Tools []json.RawMessage // descriptors as the upstream sent them
	TTL   time.Duration     // for which the list is fresh; 0 unknown (ttlMs of MCP 2026-07-28)
	Err   error             // what the rest met, if only a part came; a *CutError if it was not asked for
}

// A CutError says that an upstream lists more tools than are taken.
type CutError struct{}

func (*CutError) Error() string {
	return fmt.Sprintf("its list has more than %d pages, %d tools or %d MiB", maxPages, maxTools, maxList>>20)
}

// Bounds of how far a list is followed.
const (
	maxPages = 200
	maxTools = 20_000
	maxList  = 16 << 20       // bytes of all pages
	maxTTL   = 24 * time.Hour // for which a list is taken to be fresh
)

var errNoList = errors.New("the answer holds no list of tools")

// ListTools lists the upstream's tools afresh, all pages up to a bound. A
// descriptor that an HTTP client has to refuse is left out (x-mcp-header,
// MCP 2026-07-28, basic/transports), and so is one that came before.
//
// Its errors are those of [Session.Call]. All pages have the time of one call,
// in which each page is progress. Pages that came before an error are kept, but
// where With may ask again.
func (s *Session) ListTools(ctx context.Context) (ToolList, error) {
	s.stage = StageList
	ctx, timer := s.limits.start(ctx)
	defer timer.stop()
	var l lister
	r := rawRequest{method: "tools/list", meta: s.meta, progress: func(json.RawMessage) { timer.progressed() }}
	for range maxPages {
		result, err := s.sender.send(ctx, r)
		if err == nil {
			err = l.add(result)
		}
		switch err = timer.cause(err); {
		case err == nil && l.list.Err != nil:
			return l.list, nil
		case err == nil:
		case l.pages == 0 && s.hasNoTools(err):
			return ToolList{}, nil
		case l.pages == 0 || s.asksAgain(ctx, err):
			return ToolList{}, err
		default:
			setStage(err, StageList)
			l.list.Err = err
			return l.list, nil
		}
		timer.progressed()
		if r.cursor = l.next(s.meta != nil); r.cursor == nil {
			return l.list, nil
		}
	}
	l.list.Err = &CutError{}
	return l.list, nil
}

// hasNoTools reports whether err says no more than that the upstream, which
// never claimed to have tools, does not list any.
func (s *Session) hasNoTools(err error) bool {
	e, ok := errors.AsType[*jsonrpc.Error](err)
	if !ok || e.Code != jsonrpc.CodeMethodNotFound || s.ClientSession == nil {
		return false
	}
	self := s.InitializeResult()
	return self != nil && (self.Capabilities == nil || self.Capabilities.Tools == nil)
}

// asksAgain reports whether a list that met err is of no use, because nobody
// waits for it or because With begins it anew.
func (s *Session) asksAgain(ctx context.Context, err error) bool {
	_, timeout := errors.AsType[*TimeoutError](err)
	return ctx.Err() != nil && !timeout || errors.Is(err, ErrNotSent) || isA[*LostError](err) ||
		isA[*InterruptedError](err) && !s.repeated
}

// A lister puts the pages of a list together.
type lister struct {
	list    ToolList
	pages   int
	size    int // bytes
	seen    map[string]bool
	cursors map[string]bool // that were followed
	cursor  *string         // of the newest page, nil without one
}

// add takes a page.
func (l *lister) add(result json.RawMessage) error {
	if l.size += len(result); l.size > maxList {
		if l.pages == 0 {
			return &SizeError{Limit: maxList}
		}
		l.list.Err = &CutError{}
		return nil
	}
	tools := raw.Member(result, "tools")
	if isNone(tools) {
		tools = json.RawMessage(`[]`)
	}
	if !raw.IsObject(result) || tools[0] != '[' {
		return errNoList
	}
	if l.seen == nil {
		l.seen, l.cursors = map[string]bool{}, map[string]bool{}
	}
	for at := range raw.Elements(tools) {
		if len(l.list.Tools) == maxTools {
			l.list.Err = &CutError{}
			break
		}
		if tool := at.In(tools); !l.seen[string(tool)] {
			l.seen[string(tool)] = true
			l.list.Tools = append(l.list.Tools, bytes.Clone(tool))
		}
	}
	var ttl float64
	if json.Unmarshal(raw.Member(result, "ttlMs"), &ttl) == nil {
		l.list.TTL = time.Duration(max(0, min(ttl, float64(maxTTL.Milliseconds())))) * time.Millisecond
	}
	l.cursor = nil
	var cursor string
	if next := raw.Member(result, "nextCursor"); !isNone(next) && json.Unmarshal(next, &cursor) == nil {
		l.cursor = &cursor
	}
	l.pages++
	return nil
}

// next returns the cursor of the next page, nil after the last. One that was
// followed leads in a circle. To old servers an empty cursor is none; in MCP
// 2026-07-28 it is a cursor like any other (basic/pagination).
func (l *lister) next(modern bool) *string {
	if l.cursor == nil || l.cursors[*l.cursor] || *l.cursor == "" && !modern {
		return nil
	}
	l.cursors[*l.cursor] = true
	return l.cursor
}

// isNone reports whether a member is absent or null.
func isNone(value []byte) bool { return value == nil || string(value) == "null" }
