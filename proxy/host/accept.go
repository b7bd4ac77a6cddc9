package host

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy/upstream/raw"
)

// accept puts the messages of a line into the queue and answers what is none.
// Its error is that of the input.
func (c *Conn) accept(line line) error {
	data := bytes.TrimSpace(line.data)
	switch {
	case errors.Is(line.err, errLineTooLong):
		c.reply(refusal(nil, jsonrpc.CodeInvalidRequest, "message too long"))
	case line.err != nil:
		return line.err
	case len(data) == 0:
	case !raw.Valid(data):
		if raw.DeeperThan(data, maxLevels) {
			c.reply(refusal(data, jsonrpc.CodeInvalidRequest, errTooDeep.Error()))
		} else {
			c.reply(refusal(nil, jsonrpc.CodeParseError, "not valid JSON"))
		}
	case data[0] == '[':
		c.acceptBatch(data)
	default:
		if call := c.directCall(data); call != nil {
			c.queue = append(c.queue, incoming{call: call, size: len(data)})
			return nil
		}
		msg, err := decode(data)
		if err != nil {
			c.reply(refusal(data, jsonrpc.CodeInvalidRequest, err.Error()))
			return nil
		}
		c.queue = append(c.queue, incoming{msg: msg, size: len(data)})
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
	if data[0] != '{' { // sooner found than by the decoder, which a batch may ask often
		return nil, errNoMessage
	}
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

// maxBatch bounds how many messages a batch has, each of which needs much more
// memory than its bytes.
const maxBatch = 1024

// acceptBatch puts the messages of a batch into the queue (MCP 2025-03-26,
// basic, JSON-RPC batching). The error of an element that is none is a part of
// the batch's answer.
func (c *Conn) acceptBatch(data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	elements := json.NewDecoder(bytes.NewReader(data))
	_, _ = elements.Token() // the bracket; the line is valid JSON
	switch {
	case !c.batching:
		c.refuse(refusal(nil, jsonrpc.CodeInvalidRequest, "batches are of protocol version "+batchVersion+" alone"))
		return
	case !elements.More():
		c.refuse(refusal(nil, jsonrpc.CodeInvalidRequest, "empty batch"))
		return
	}
	batch := new(batchAnswer)
	var queue []incoming
	for n := 0; elements.More(); n++ {
		if n == maxBatch {
			c.refuse(refusal(nil, jsonrpc.CodeInvalidRequest, fmt.Sprintf("batch of more than %d messages", maxBatch)))
			return
		}
		var element json.RawMessage
		_ = elements.Decode(&element)
		msg, err := decode(element)
		if err != nil {
			batch.add(refusal(element, jsonrpc.CodeInvalidRequest, err.Error()))
			continue
		}
		in := incoming{msg: msg, size: len(element)}
		if req, ok := msg.(*jsonrpc.Request); ok && req.IsCall() {
			in.batch = batch
			batch.missing++
		}
		queue = append(queue, in)
	}
	c.held += size(batch.parts)
	c.queue = append(c.queue, queue...)
	c.complete(batch)
}

// reply is refuse without c.mu held.
func (c *Conn) reply(line []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse(line)
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
	return errorLine(m.ID, code, message)
}

// refusalOf returns an error as the answer to a request.
func refusalOf(id jsonrpc.ID, code int64, message string) []byte {
	return errorLine(raw.Encode(id.Raw()), code, message)
}

func errorLine(id json.RawMessage, code int64, message string) []byte {
	line, _ := json.Marshal(struct { // an id that was read can be written
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Error   jsonrpc.Error   `json:"error"`
	}{"2.0", id, jsonrpc.Error{Code: code, Message: message}})
	return line
}
