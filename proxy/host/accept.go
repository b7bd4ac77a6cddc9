package host

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// accept puts the line's messages into the queue, or answers it.
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

// decode reads one message. An id that the SDK could not give back as it
// came would leave the host waiting for ever: that is refused instead.
func decode(data []byte) (jsonrpc.Message, error) {
	msg, err := jsonrpc.DecodeMessage(data)
	if err != nil {
		return nil, errNoMessage
	}
	var m struct {
		ID json.RawMessage `json:"id"`
	}
	if req, ok := msg.(*jsonrpc.Request); ok && json.Unmarshal(data, &m) == nil && m.ID != nil && m.ID[0] != '"' {
		if back, err := json.Marshal(req.ID.Raw()); err != nil || !req.IsCall() || string(back) != string(m.ID) {
			return nil, errOddID
		}
	}
	return msg, nil
}

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

// refuse answers what could not be read as a message (JSON-RPC 2.0, 5.1),
// with the id if that much of it can be made out.
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
