package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// An httpSender sends raw requests through the SDK's HTTP session, which owns
// session ids, headers, authorization and resumption.
type httpSender struct {
	session *mcp.ClientSession
	tokens  atomic.Int64
}

func (h *httpSender) send(ctx context.Context, r rawRequest) (json.RawMessage, error) {
	c := &capture{
		token:    idPrefix + strconv.FormatInt(h.tokens.Add(1), 10),
		progress: r.progress,
		stand:    func(json.RawMessage) json.RawMessage { return json.RawMessage(`{"content":[]}`) },
	}
	meta := mcp.Meta{"progressToken": c.token}
	var err error
	var valid []*mcp.Tool
	if r.method == "tools/list" {
		c.stand = withoutTTL
		var res *mcp.ListToolsResult
		res, err = h.session.ListTools(withCapture(ctx, c), &mcp.ListToolsParams{Meta: meta, Cursor: r.cursor})
		if res != nil {
			valid = res.Tools
		}
	} else {
		_, err = h.session.CallTool(withCapture(ctx, c), &mcp.CallToolParams{Meta: meta, Name: r.tool, Arguments: r.args})
	}
	result, status := c.got()
	if result == nil {
		return nil, httpFault(ctx, err, status)
	}
	if valid != nil {
		return onlyValid(result, valid), nil
	}
	return result, nil
}

// httpFault classifies why a request over HTTP got no result.
func httpFault(ctx context.Context, err error, status int) error {
	var rpc *jsonrpc.Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &rpc):
		return rpc
	case errors.Is(err, mcp.ErrSessionMissing), errors.Is(err, mcp.ErrConnectionClosed), errors.As(err, new(*DialError)):
		return errors.Join(errNotSent, err)
	case errors.As(err, new(*OriginError)):
		return err
	case status >= 400:
		return &StatusError{Code: status, Err: err}
	case err != nil:
		return &InterruptedError{Err: err}
	}
	return &InterruptedError{Err: errNoResult}
}

var errNoResult = errors.New("the answer held no result")

// withoutTTL hides a list's lifetime from the SDK's session, which would
// answer the next request from its own memory.
func withoutTTL(result json.RawMessage) json.RawMessage {
	var m map[string]json.RawMessage
	if json.Unmarshal(result, &m) != nil {
		return result
	}
	delete(m, "ttlMs")
	out, err := json.Marshal(m)
	if err != nil {
		return result
	}
	return out
}

// onlyValid leaves out the tools that the SDK's session refused.
func onlyValid(result json.RawMessage, valid []*mcp.Tool) json.RawMessage {
	var page map[string]json.RawMessage
	var tools []json.RawMessage
	if json.Unmarshal(result, &page) != nil || json.Unmarshal(page["tools"], &tools) != nil || len(tools) == len(valid) {
		return result
	}
	tools = slices.DeleteFunc(tools, func(raw json.RawMessage) bool {
		var t struct {
			Name string `json:"name"`
		}
		return json.Unmarshal(raw, &t) != nil || !slices.ContainsFunc(valid, func(v *mcp.Tool) bool { return v.Name == t.Name })
	})
	// Raw members marshal to their own bytes, but for space between them.
	page["tools"], _ = json.Marshal(tools)
	out, err := json.Marshal(page)
	if err != nil {
		return result
	}
	return out
}
