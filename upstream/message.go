package upstream

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy/upstream/raw"
)

// maxParams bounds what the SDK's session gets of the params of a request or
// notification, in bytes. It decodes them, which takes up to 40 times their size.
const maxParams = 32 << 10

var errNotMessage = errors.New("not a JSON-RPC message")

// An envelope is a JSON-RPC message with its id.
type envelope struct{ raw.Envelope }

// A MalformedError says that the upstream gave an answer that is none. A tool
// that was called may have run.
type MalformedError struct{ Problem string }

func (e *MalformedError) Error() string { return "an answer that is " + e.Problem }

// malformedAnswer returns what is wrong with a message that is meant as an
// answer, and the id it is meant for. It is nil if the message is none.
func malformedAnswer(data []byte) (id json.RawMessage, err *MalformedError) {
	e := raw.Open(data)
	switch {
	case e.ID == nil || e.Method != nil || raw.Member(data, "jsonrpc") == nil: // as in a line of a log
		return nil, nil
	case raw.DeeperThan(data, raw.MaxLevels):
		err = &MalformedError{"nested too deeply"}
	case !raw.Valid(data):
		err = &MalformedError{"not valid JSON"}
	case e.Result == nil && answeredError(e.Error) == nil:
		err = &MalformedError{"without a result or an error"}
	}
	return e.ID, err
}

// decodeMessage reads one JSON-RPC message. The result of a response is not
// decoded but a slice of data, so that it keeps every member, digit and space
// it came with. What the SDK's session would decode is bounded by maxParams, its
// answers by maxSmall.
func decodeMessage(data []byte) (jsonrpc.Message, error) {
	var e envelope
	if err := e.read(data); err != nil {
		return undecoded(data, err)
	}
	switch {
	case e.Method != nil && len(data) > e.maxBytes():
		return e.withoutParams()
	case e.Method != nil:
		return jsonrpc.DecodeMessage(data)
	}
	w := answeredError(e.Error)
	if e.Result == nil && w == nil {
		return undecoded(data, errNotMessage)
	}
	id, err := e.id()
	if err != nil || !id.IsValid() {
		return nil, errNotMessage
	}
	r := &jsonrpc.Response{ID: id, Result: e.Result}
	switch _, ours := rawID(responseID(id)); {
	case w != nil:
		r.Error = w
	case !ours && len(data) > maxSmall:
		r.Result, r.Error = nil, &SizeError{Limit: maxSmall}
	}
	return r, nil
}

// undecoded returns the error response for an answer that cannot be read, so
// that who waits for it need not wait longer. Without one it returns err.
func undecoded(data []byte, err error) (jsonrpc.Message, error) {
	id, problem := malformedAnswer(data)
	if problem == nil {
		return nil, err
	}
	e := envelope{raw.Envelope{ID: id}}
	if id, err := e.id(); err == nil && id.IsValid() {
		return &jsonrpc.Response{ID: id, Error: problem}, nil
	}
	return nil, err
}

// maxBytes bounds a request or notification that keeps its params. Progress is
// passed on as it is written, if it is that of a call.
func (e *envelope) maxBytes() int {
	if raw.KeyIs(e.Method, "notifications/progress") {
		return maxSmall
	}
	return maxParams
}

// forSession returns what the SDK's session gets of data, a message that is the
// answer to no call of ours: nothing of it that is large.
func (e *envelope) forSession(data []byte) []byte {
	var method string
	if e.Method != nil && json.Unmarshal(e.Method, &method) != nil {
		return nil
	}
	switch most := sessionLimit(method, e.Method == nil || e.ID != nil); {
	case most == 0:
		return nil
	case len(data) <= most:
		return data
	}
	id, err := e.id()
	var msg jsonrpc.Message = &jsonrpc.Response{ID: id, Error: &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: "too large"}}
	if e.Method != nil {
		msg, err = e.withoutParams()
	}
	if err != nil || e.Method == nil && !id.IsValid() {
		return nil
	}
	if data, err = jsonrpc.EncodeMessage(msg); err != nil {
		return nil
	}
	return data
}

// maxNotice bounds the params of a notification that the SDK's session gets, in bytes.
// It has a queue without a bound for them, and reads no more of one than an id.
const maxNotice = 256

// sessionLimit bounds, in bytes, what the session gets of the params of a request or
// notification. It is 0 for a notification on which the session does nothing.
func sessionLimit(method string, call bool) int {
	switch {
	case call:
		return maxParams
	case method == "notifications/tools/list_changed", method == "notifications/cancelled", strings.HasPrefix(method, "notifications/subscriptions/"):
		return maxNotice
	}
	return 0
}

// withoutParams returns a request or notification whose params are too large.
func (e *envelope) withoutParams() (jsonrpc.Message, error) {
	var method string
	id, err := e.id()
	if err != nil || len(e.Method) > maxIDLength || json.Unmarshal(e.Method, &method) != nil {
		return nil, errNotMessage
	}
	return &jsonrpc.Request{ID: id, Method: method}, nil
}

func (e *envelope) id() (jsonrpc.ID, error) {
	var v any
	if len(e.ID) > maxIDLength {
		return jsonrpc.ID{}, errNotMessage
	}
	if len(e.ID) > 0 {
		if err := json.Unmarshal(e.ID, &v); err != nil {
			return jsonrpc.ID{}, err
		}
	}
	return jsonrpc.MakeID(v)
}

// read finds the members of the object in data. It refuses what is not valid
// JSON, since the bytes are passed on as they are.
func (e *envelope) read(data []byte) error {
	opened, ok := raw.OpenValid(data)
	if !ok {
		return errNotMessage
	}
	e.Envelope = opened
	return nil
}
