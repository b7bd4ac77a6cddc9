package host

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// accept puts the messages of a line into the queue and answers what is none.
// Its error is that of the input or of the output.
func (c *Conn) accept(line line) error {
	data := bytes.TrimSpace(line.data)
	switch {
	case errors.Is(line.err, errLineTooLong):
		return c.refuse(nil, jsonrpc.CodeInvalidRequest, "message too long")
	case line.err != nil:
		return line.err
	case len(data) == 0:
		return nil
	case !json.Valid(data):
		return c.refuse(nil, jsonrpc.CodeParseError, "not valid JSON")
	case data[0] == '[':
		return c.acceptBatch(data)
	}
	msg, err := decode(data)
	if err != nil {
		return c.refuse(data, jsonrpc.CodeInvalidRequest, err.Error())
	}
	c.queue = append(c.queue, msg)
	return nil
}

var (
	errNoMessage = errors.New("not a JSON-RPC 2.0 message")
	errOddID     = errors.New("the id must be a string or a whole number within the precision of a double")
)

// decode reads one message. It refuses an id that the SDK would not give back
// as it came, because the host would wait for its response for ever.
func decode(data []byte) (jsonrpc.Message, error) {
	msg, err := jsonrpc.DecodeMessage(data)
	if err != nil {
		return nil, errNoMessage
	}
	req, ok := msg.(*jsonrpc.Request)
	if !ok {
		return msg, nil
	}
	var m struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(data, &m) != nil || m.ID == nil || m.ID[0] == '"' {
		return msg, nil
	}
	back, err := json.Marshal(req.ID.Raw())
	if err != nil || !req.IsCall() || string(back) != string(m.ID) {
		return nil, errOddID
	}
	return msg, nil
}

// acceptBatch puts the messages of a batch into the queue (MCP 2025-03-26,
// basic, JSON-RPC batching). It answers an element that is none at once and by
// itself.
func (c *Conn) acceptBatch(data []byte) error {
	var elements []json.RawMessage
	if err := json.Unmarshal(data, &elements); err != nil || len(elements) == 0 {
		return c.refuse(nil, jsonrpc.CodeInvalidRequest, "empty batch")
	}
	answer := new(batchAnswer)
	for _, element := range elements {
		msg, err := decode(element)
		if err != nil {
			if err := c.refuse(element, jsonrpc.CodeInvalidRequest, err.Error()); err != nil {
				return err
			}
			continue
		}
		if req, ok := msg.(*jsonrpc.Request); ok && req.IsCall() {
			c.mu.Lock()
			if c.batches[req.ID] == nil {
				c.batches[req.ID] = answer
				answer.missing++
			}
			c.mu.Unlock()
		}
		c.queue = append(c.queue, msg)
	}
	return nil
}

// refuse answers what is no message (JSON-RPC 2.0, section 5.1), under its id
// if it has one and else under null.
func (c *Conn) refuse(data []byte, code int64, message string) error {
	var m struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(data, &m) != nil || len(m.ID) == 0 {
		m.ID = json.RawMessage("null")
	}
	answer, err := json.Marshal(struct {
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Error   jsonrpc.Error   `json:"error"`
	}{"2.0", m.ID, jsonrpc.Error{Code: code, Message: message}})
	if err != nil {
		return err
	}
	return c.writeLine(answer)
}
