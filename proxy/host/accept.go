package host

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy/upstream/raw"
)

// accept puts the messages of a line into the queue and answers what is none.
// Its error is that of the input.
func (c *Conn) accept(line line) error {
	data := bytes.TrimSpace(line.data)
	switch {
	case errors.Is(line.err, errLineTooLong):
		c.refuse(refusal(nil, jsonrpc.CodeInvalidRequest, "message too long"))
	case line.err != nil:
		return line.err
	case len(data) == 0:
	case !json.Valid(data):
		if raw.DeeperThan(data, maxLevels) {
			c.refuse(refusal(data, jsonrpc.CodeInvalidRequest, errTooDeep.Error()))
		} else {
			c.refuse(refusal(nil, jsonrpc.CodeParseError, "not valid JSON"))
		}
	case data[0] == '[':
		c.acceptBatch(data)
	default:
		msg, err := decode(data)
		if err != nil {
			c.refuse(refusal(data, jsonrpc.CodeInvalidRequest, err.Error()))
			return nil
		}
		c.queue = append(c.queue, msg)
	}
	return nil
}

var (
	errNoMessage = errors.New("not a JSON-RPC 2.0 message")
	errTooDeep   = errors.New("the message is nested too deeply")
	errOddID     = errors.New("the id must be a string or a whole number within the precision of a double")
)

// decode reads one message. It refuses an id that the SDK would not give back
// as it came, because the host would wait for its response for ever.
func decode(data []byte) (jsonrpc.Message, error) {
	msg, err := jsonrpc.DecodeMessage(data)
	switch {
	case err != nil && raw.DeeperThan(data, maxLevels):
		return nil, errTooDeep
	case err != nil:
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

// maxLevels is how deep the SDK reads.
const maxLevels = 1000

// batchVersion is the only protocol version that has batches.
const batchVersion = "2025-03-26"

// acceptBatch puts the messages of a batch into the queue (MCP 2025-03-26,
// basic, JSON-RPC batching). The error of an element that is none is a part of
// the batch's answer.
func (c *Conn) acceptBatch(data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var elements []json.RawMessage
	switch err := json.Unmarshal(data, &elements); {
	case !c.batching:
		c.addRefusal(refusal(nil, jsonrpc.CodeInvalidRequest, "batches are of protocol version "+batchVersion+" alone"))
		return
	case err != nil || len(elements) == 0:
		c.addRefusal(refusal(nil, jsonrpc.CodeInvalidRequest, "empty batch"))
		return
	}
	answer := new(batchAnswer)
	for _, element := range elements {
		msg, err := decode(element)
		if err != nil {
			answer.add(refusal(element, jsonrpc.CodeInvalidRequest, err.Error()))
			continue
		}
		if req, ok := msg.(*jsonrpc.Request); ok && req.IsCall() && c.batches[req.ID] == nil {
			c.batches[req.ID] = answer
			answer.missing++
		}
		c.queue = append(c.queue, msg)
	}
	if answer.missing == 0 && answer.parts != nil {
		c.addRefusal(bytes.Join(answer.line(), nil))
	}
}

// refusal returns the answer to what is no message (JSON-RPC 2.0, section 5.1),
// under its id if it has one and else under null.
func refusal(data []byte, code int64, message string) []byte {
	var m struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(data, &m) != nil { // nested too deeply, perhaps
		m.ID = raw.Member(data, "id")
	}
	if !json.Valid(m.ID) {
		m.ID = json.RawMessage("null")
	}
	answer, _ := json.Marshal(struct { // an id that was read can be written
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Error   jsonrpc.Error   `json:"error"`
	}{"2.0", m.ID, jsonrpc.Error{Code: code, Message: message}})
	return answer
}

// Bounds on the refusals that wait for a host that does not read. What is beyond
// them is dropped, because Read must see the end of the input.
const (
	maxRefusals     = 256
	maxRefusalBytes = 1 << 20 // of each
)

// refuse adds a line to what is written to the host. It does not wait for it.
func (c *Conn) refuse(line []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addRefusal(line)
}

// addRefusal is refuse with c.mu held.
func (c *Conn) addRefusal(line []byte) {
	if len(c.refusals) < maxRefusals && len(line) <= maxRefusalBytes {
		c.refusals = append(c.refusals, line)
		wake(c.refused)
	}
}

// writeRefusals writes the refusals until Close. A host that cannot be written to
// is gone.
func (c *Conn) writeRefusals() {
	for {
		select {
		case <-c.refused:
			if err := c.writeLine(); err != nil { // no line but the refusals
				c.Close()
				return
			}
		case <-c.closed:
			return
		}
	}
}

// flushRefusals writes the refusals that wait, with writing held.
func (c *Conn) flushRefusals() error {
	c.mu.Lock()
	lines := c.refusals
	c.refusals, c.writes = nil, len(lines)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.writes = 0
		c.mu.Unlock()
		wake(c.answered)
	}()
	for _, line := range lines {
		if err := c.put(line); err != nil {
			return err
		}
	}
	return nil
}
