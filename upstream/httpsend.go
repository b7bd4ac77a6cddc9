package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
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
		token:      formatID(h.tokens.Add(1)),
		progress:   r.progress,
		substitute: func(json.RawMessage) json.RawMessage { return json.RawMessage(`{"content":[]}`) },
	}
	meta := mcp.Meta{"progressToken": json.Number(c.token)}
	var err error
	var valid []*mcp.Tool
	if r.method == "tools/list" {
		c.substitute = withoutTTL
		var res *mcp.ListToolsResult
		res, err = h.session.ListTools(withCapture(ctx, c), &mcp.ListToolsParams{Meta: meta, Cursor: r.cursor})
		if res != nil {
			valid = res.Tools
		}
	} else {
		_, err = h.session.CallTool(withCapture(ctx, c), &mcp.CallToolParams{Meta: meta, Name: r.tool, Arguments: r.args})
	}
	got := c.state()
	if got.result == nil {
		return nil, h.fault(ctx, got, err)
	}
	if valid != nil {
		return onlyValid(got.result, valid), nil
	}
	return got.result, nil
}

// fault classifies why a request over HTTP got no result.
func (h *httpSender) fault(ctx context.Context, got captureState, err error) error {
	rpc, err := rpcError(err)
	switch {
	case ctx.Err() != nil && got.status < 400:
		return ctx.Err()
	case ctx.Err() != nil && !h.sessionGone(got.status, nil):
		// The upstream refused the request. On that the SDK ends the connection
		// and so ctx, perhaps before it returns the error.
		return &StatusError{Code: got.status}
	case isA[*OriginError](err):
		return err
	case !got.sent, h.sessionGone(got.status, rpc):
		return errors.Join(ErrNotSent, err)
	case rpc != nil:
		return rpc
	case got.status >= 400:
		return &StatusError{Code: got.status, Err: err}
	case err != nil:
		return &InterruptedError{Err: err}
	}
	return &InterruptedError{Err: errNoResult}
}

// codeRejected is the code of the errors that the SDK's transport makes for
// requests that failed in it. They must not pass for answers of the upstream.
const codeRejected = -32005

// rpcError returns the JSON-RPC error with which the upstream answered, or nil
// and an error that cannot be taken for an answer.
func rpcError(err error) (*jsonrpc.Error, error) {
	rpc, ok := errors.AsType[*jsonrpc.Error](err)
	if !ok {
		return nil, err
	}
	if rpc.Code == codeRejected {
		return nil, unanswered{err}
	}
	return rpc, err
}

// unanswered hides the SDK's own JSON-RPC errors in the chain of an error.
type unanswered struct{ err error }

func (u unanswered) Error() string        { return u.err.Error() }
func (u unanswered) Is(target error) bool { return errors.Is(u.err, target) }

func (u unanswered) As(target any) bool {
	_, rpc := target.(**jsonrpc.Error)
	return !rpc && errors.As(u.err, target)
}

// sessionGone reports whether the upstream refused a request because it does
// not know the session, as after a restart. The status is 404 (MCP 2025-11-25,
// basic/transports, session management); servers made after the SDKs' examples
// answer 400 or 404 with one of a few error codes.
func (h *httpSender) sessionGone(status int, rpc *jsonrpc.Error) bool {
	if h.session.ID() == "" || status != http.StatusNotFound && status != http.StatusBadRequest {
		return false
	}
	if rpc == nil {
		return status == http.StatusNotFound
	}
	return rpc.Code == -32000 || rpc.Code == -32001 || rpc.Code == jsonrpc.CodeInvalidRequest
}

var errNoResult = errors.New("the answer held no result")

// withoutTTL hides a list's lifetime from the SDK's session, which would
// otherwise answer the next request from its cache.
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
	// Raw members marshal to their own bytes, without space between them.
	page["tools"], _ = json.Marshal(tools)
	out, err := json.Marshal(page)
	if err != nil {
		return result
	}
	return out
}
