package proxy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// maxHostLine bounds one message of the host, in bytes.
const maxHostLine = 64 << 20

// A hostConn is the connection to the host: one JSON-RPC message a line
// (MCP 2025-11-25, basic/transports, stdio). It is a transport of our own for
// three reasons: a line that is no message is answered and does not end the
// session; results travel as the bytes that an upstream sent, see relayed;
// and progress is passed on with members that the SDK's types do not hold.
//
// Its one goroutine reads the host's lines. It ends with the input; Close
// closes that, but does not wait for it, since a read of a terminal cannot be
// interrupted.
type hostConn struct {
	in    io.ReadCloser
	out   io.WriteCloser
	lines chan hostLine

	queue []jsonrpc.Message // rest of a batch; touched by Read alone
	ended chan struct{}     // closed when Read has come to the end

	closing sync.Once
	closed  chan struct{}

	writing sync.Mutex // held while a line is written, which is all it is for

	paid chan struct{} // buffered by one: a response was written

	mu      sync.Mutex
	owed    int                         // requests without a response
	last    int                         // the newest ticket
	tickets map[string]json.RawMessage  // results that wait for their response
	batches map[jsonrpc.ID]*batchAnswer // of requests that came in a batch
}

type hostLine struct {
	data []byte
	err  error
}

// A batchAnswer collects the responses to a batch (MCP 2025-03-26, basic,
// JSON-RPC batching).
type batchAnswer struct {
	missing int
	parts   [][]byte
}

func newHostConn(in io.ReadCloser, out io.WriteCloser) *hostConn {
	c := &hostConn{
		in: in, out: out,
		lines:   make(chan hostLine),
		ended:   make(chan struct{}),
		closed:  make(chan struct{}),
		paid:    make(chan struct{}, 1),
		tickets: make(map[string]json.RawMessage),
		batches: make(map[jsonrpc.ID]*batchAnswer),
	}
	go c.scan()
	return c
}

// Connect makes a hostConn its own [mcp.Transport].
func (c *hostConn) Connect(context.Context) (mcp.Connection, error) { return c, nil }

// SessionID is empty: stdio has one session.
func (c *hostConn) SessionID() string { return "" }

// Close closes both directions.
func (c *hostConn) Close() (err error) {
	c.closing.Do(func() {
		close(c.closed)
		err = errors.Join(c.in.Close(), c.out.Close())
	})
	return err
}

func (c *hostConn) scan() {
	r := bufio.NewReaderSize(c.in, 16<<10)
	for {
		data, err := readLine(r)
		select {
		case c.lines <- hostLine{data, err}:
		case <-c.closed:
			return
		}
		if err != nil && !errors.Is(err, errLineTooLong) {
			return
		}
	}
}

var errLineTooLong = errors.New("message too long")

// readLine returns the next line in memory of its own. A line of more than
// maxHostLine bytes is read to its end and given up.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := r.ReadSlice('\n')
		if long = long || len(line)+len(part) > maxHostLine; long {
			line = nil
		} else {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err == nil && long:
			return nil, errLineTooLong
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		default:
			return line, err
		}
	}
}

// Read returns the next message of the host. The SDK calls it from one
// goroutine, and not again after an error.
func (c *hostConn) Read(ctx context.Context) (jsonrpc.Message, error) {
	msg, err := c.next(ctx)
	if err != nil {
		c.settle()
		close(c.ended)
		return nil, err
	}
	if req, ok := msg.(*jsonrpc.Request); ok && req.IsCall() {
		c.mu.Lock()
		c.owed++
		c.mu.Unlock()
	}
	return msg, nil
}

// settleWithin is how long a host that has closed its end may still get
// answers: a script that pipes its requests in reads on.
const settleWithin = 500 * time.Millisecond

// settle waits for what is owed, since the SDK cancels it at the end of input.
func (c *hostConn) settle() {
	t := time.NewTimer(settleWithin)
	defer t.Stop()
	for {
		c.mu.Lock()
		owed := c.owed
		c.mu.Unlock()
		if owed == 0 {
			return
		}
		select {
		case <-c.paid:
		case <-c.closed:
			return
		case <-t.C:
			return
		}
	}
}

func (c *hostConn) next(ctx context.Context) (jsonrpc.Message, error) {
	for {
		if len(c.queue) > 0 {
			msg := c.queue[0]
			c.queue = c.queue[1:]
			return msg, nil
		}
		var line hostLine
		select {
		case line = <-c.lines:
		case <-c.closed:
			return nil, io.EOF
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if err := c.accept(line); err != nil {
			return nil, err
		}
	}
}

// accept puts the line's messages into the queue, or answers it.
func (c *hostConn) accept(line hostLine) error {
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
	msg, err := jsonrpc.DecodeMessage(data)
	if err != nil {
		return c.refuse(data, jsonrpc.CodeInvalidRequest, "not a JSON-RPC 2.0 message")
	}
	c.queue = append(c.queue, msg)
	return nil
}

func (c *hostConn) acceptBatch(data []byte) error {
	var elements []json.RawMessage
	if err := json.Unmarshal(data, &elements); err != nil || len(elements) == 0 {
		return c.refuse(nil, jsonrpc.CodeInvalidRequest, "empty batch")
	}
	answer := new(batchAnswer)
	for _, element := range elements {
		msg, err := jsonrpc.DecodeMessage(element)
		if err != nil {
			if err := c.refuse(element, jsonrpc.CodeInvalidRequest, "not a JSON-RPC 2.0 message"); err != nil {
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
func (c *hostConn) refuse(data []byte, code int64, message string) error {
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

// Write sends one message, or keeps it until its batch is complete.
func (c *hostConn) Write(_ context.Context, msg jsonrpc.Message) error {
	resp, ok := msg.(*jsonrpc.Response)
	if !ok {
		line, err := jsonrpc.EncodeMessage(msg)
		if err != nil {
			return err
		}
		return c.writeLine(line)
	}
	defer c.pay()
	parts, err := c.encodeResponse(resp)
	if err != nil {
		return err
	}
	if parts = c.collect(resp.ID, parts); parts == nil {
		return nil
	}
	return c.writeLine(parts...)
}

// pay notes that a request has its response.
func (c *hostConn) pay() {
	c.mu.Lock()
	c.owed--
	c.mu.Unlock()
	select {
	case c.paid <- struct{}{}:
	default:
	}
}

// encodeResponse returns the pieces of the line. A result that is a ticket is
// replaced by what was deposited for it.
func (c *hostConn) encodeResponse(resp *jsonrpc.Response) ([][]byte, error) {
	raw := c.redeem(resp.Result)
	if raw == nil {
		line, err := jsonrpc.EncodeMessage(resp)
		return [][]byte{line}, err
	}
	id, err := json.Marshal(resp.ID.Raw())
	if err != nil {
		return nil, err
	}
	head := append([]byte(`{"jsonrpc":"2.0","id":`), id...)
	return [][]byte{append(head, `,"result":`...), raw, []byte("}")}, nil
}

// collect returns what is to be written now that this response is known: the
// response itself, its whole batch, or nothing yet.
func (c *hostConn) collect(id jsonrpc.ID, parts [][]byte) [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	answer := c.batches[id]
	if answer == nil {
		return parts
	}
	delete(c.batches, id)
	separator := byte(',')
	if answer.parts == nil {
		separator = '['
	}
	answer.parts = append(append(answer.parts, []byte{separator}), parts...)
	if answer.missing--; answer.missing > 0 {
		return nil
	}
	return append(answer.parts, []byte("]"))
}

// writeLine writes the pieces as one line. Small ones go out in one write.
func (c *hostConn) writeLine(parts ...[]byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	var buf []byte
	for _, part := range parts {
		if len(part) <= 32<<10 {
			buf = append(buf, part...)
			continue
		}
		for _, b := range [][]byte{buf, part} {
			if _, err := c.out.Write(b); err != nil {
				return err
			}
		}
		buf = buf[:0]
	}
	_, err := c.out.Write(append(buf, '\n'))
	return err
}

// notify sends a notification whose params are written as they are.
func (c *hostConn) notify(method string, params json.RawMessage) error {
	head := append([]byte(`{"jsonrpc":"2.0","method":`), strconv.Quote(method)...)
	return c.writeLine(append(head, `,"params":`...), params, []byte("}"))
}

// A relayed result passes through the SDK as a ticket, a JSON number, which
// Write exchanges for the bytes themselves. The SDK writes every other result
// as an object, and no byte of an upstream's ever reaches it as a result, so
// a ticket cannot be forged. The embedded result is there for its methods.
type relayed struct {
	*mcp.CallToolResult
	raw  json.RawMessage
	conn *hostConn
}

// MarshalJSON deposits the bytes. The SDK calls it once, and then writes the
// response unless the connection is at its end.
func (r *relayed) MarshalJSON() ([]byte, error) {
	c := r.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	ticket := strconv.Itoa(c.last)
	c.tickets[ticket] = r.raw
	return []byte(ticket), nil
}

// redeem returns what was deposited for the ticket, or nil if result is none.
func (c *hostConn) redeem(result json.RawMessage) json.RawMessage {
	if len(result) == 0 || result[0] == '{' {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	raw := c.tickets[string(result)]
	delete(c.tickets, string(result))
	return raw
}
