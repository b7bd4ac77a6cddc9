package upstream

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

var errNotMessage = errors.New("not a JSON-RPC message")

// An envelope holds the members of a JSON-RPC message as the bytes they
// arrived in. Absent members are nil.
type envelope struct {
	Version json.RawMessage `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  json.RawMessage `json:"method"`
	Params  json.RawMessage `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   json.RawMessage `json:"error"`
}

// decodeMessage reads one JSON-RPC message. A response's result and a
// request's params are slices of data: nothing below the envelope is decoded,
// so that a result passes with every member, digit and space it came with.
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
	if e.Error != nil && !bytes.Equal(e.Error, []byte("null")) {
		var w jsonrpc.Error
		if err := json.Unmarshal(e.Error, &w); err != nil {
			return nil, errNotMessage
		}
		r.Error = &w
	}
	return r, nil
}

func (e *envelope) id() (jsonrpc.ID, error) {
	var v any
	if len(e.ID) > 0 {
		if err := json.Unmarshal(e.ID, &v); err != nil {
			return jsonrpc.ID{}, err
		}
	}
	return jsonrpc.MakeID(v)
}

// read finds the members of the object in data. It is strict: what it accepts
// is valid JSON, since the bytes are handed on unseen.
func (e *envelope) read(data []byte) error {
	if !json.Valid(data) {
		return errNotMessage
	}
	return eachMember(data, func(key, value []byte) {
		switch string(key) {
		case `"jsonrpc"`:
			e.Version = value
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
	})
}

// eachMember calls f with the bytes of each key (quotes included) and value
// of the object in data, which must be valid JSON.
func eachMember(data []byte, f func(key, value []byte)) error {
	i := skipSpace(data, 0)
	if i >= len(data) || data[i] != '{' {
		return errNotMessage
	}
	for i = skipSpace(data, i+1); i < len(data) && data[i] != '}'; {
		start := i
		i = skipValue(data, i)
		key := data[start:i]
		i = skipSpace(data, skipSpace(data, i)+1) // the colon
		start = i
		i = skipValue(data, i)
		f(key, data[start:i:i])
		i = skipSpace(data, i)
		if i < len(data) && data[i] == ',' {
			i = skipSpace(data, i+1)
		}
	}
	return nil
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipValue returns the index after the value that begins at b[i].
func skipValue(b []byte, i int) int {
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		for depth := 0; i < len(b); i++ {
			switch b[i] {
			case '"':
				i = skipString(b, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return i
	}
	for i < len(b) && !bytes.ContainsRune([]byte(",]} \t\r\n"), rune(b[i])) {
		i++
	}
	return i
}

func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return len(b)
		}
		i += n
		slashes := 0
		for j := i - 1; b[j] == '\\'; j-- {
			slashes++
		}
		if slashes%2 == 0 {
			return i + 1
		}
	}
	return len(b)
}
