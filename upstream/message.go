package upstream

import (
	"encoding/json"
	"errors"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy/upstream/raw"
)

var errNotMessage = errors.New("not a JSON-RPC message")

// An envelope holds the members of a JSON-RPC message as they arrived. Absent
// members are nil.
type envelope struct{ ID, Method, Params, Result, Error json.RawMessage }

// decodeMessage reads one JSON-RPC message. The result of a response is not
// decoded but a slice of data, so that it keeps every member, digit and space
// it came with.
func decodeMessage(data []byte) (jsonrpc.Message, error) {
	var e envelope
	if err := e.read(data); err != nil {
		return nil, err
	}
	if e.Result == nil && e.Error == nil || e.Method != nil {
		return jsonrpc.DecodeMessage(data)
	}
	id, err := e.id()
	if err != nil || !id.IsValid() {
		return nil, errNotMessage
	}
	r := &jsonrpc.Response{ID: id, Result: e.Result}
	if w := answeredError(e.Error); w != nil {
		r.Error = w
	}
	return r, nil
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
	if !json.Valid(data) || !raw.IsObject(data) {
		return errNotMessage
	}
	for key, at := range raw.Members(data) {
		value := at.In(data)
		switch string(key) {
		case `"id"`:
			e.ID = value
		case `"method"`:
			e.Method = value
		case `"params"`:
			e.Params = value
		case `"result"`:
			e.Result = value
		case `"error"`:
			e.Error = value
		}
	}
	return nil
}
