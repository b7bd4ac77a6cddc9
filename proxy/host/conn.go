package host

import (
	"bufio"
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

// maxLine bounds one message of the host, in bytes.
const maxLine = 64 << 20

// A Conn is the connection to the host: one JSON-RPC message a line
// (MCP 2025-11-25, basic/transports, stdio). It is a transport of our own for
// three reasons: a line that is no message is answered and does not end the
// session; results travel as the bytes that an upstream sent, see [Conn.Result];
// and progress is passed on with members that the SDK's types do not hold.
//
// Its one goroutine reads the host's lines. It ends with the input; Close
// closes that, but does not wait for it, since a read of a terminal cannot be
// interrupted.
type Conn struct {
	in    io.ReadCloser
	out   io.WriteCloser
	lines chan line

	queue []jsonrpc.Message // rest of a batch; touched by Read alone
	ended chan struct{}     // closed when Read has come to the end, see Ended

	closing sync.Once
	closed  chan struct{}

	writing sync.Mutex // held while a line is written, which is all it is for

	answered chan struct{} // buffered by one: a response was written

	mu      sync.Mutex
	open    map[jsonrpc.ID]bool         // requests without a response; true if cancelled
	lastKey int                         // of results
	results map[string]json.RawMessage  // that wait for their response
	batches map[jsonrpc.ID]*batchAnswer // of requests that came in a batch
}

type line struct {
	data []byte
	err  error
}

// A batchAnswer collects the responses to a batch (MCP 2025-03-26, basic,
// JSON-RPC batching).
type batchAnswer struct {
	missing int
	parts   [][]byte
}

// NewConn returns a connection over the two streams, which Close closes, and
// starts to read.
func NewConn(in io.ReadCloser, out io.WriteCloser) *Conn {
	c := &Conn{
		in: in, out: out,
		lines:    make(chan line),
		ended:    make(chan struct{}),
		closed:   make(chan struct{}),
		answered: make(chan struct{}, 1),
		open:     make(map[jsonrpc.ID]bool),
		results:  make(map[string]json.RawMessage),
		batches:  make(map[jsonrpc.ID]*batchAnswer),
	}
	go c.scan()
	return c
}

// Ended is closed when the host has closed its end and its requests were
// answered, or had half a second for that.
func (c *Conn) Ended() <-chan struct{} { return c.ended }

// Connect makes a hostConn its own [mcp.Transport].
func (c *Conn) Connect(context.Context) (mcp.Connection, error) { return c, nil }

// SessionID is empty: stdio has one session.
func (c *Conn) SessionID() string { return "" }

// Close closes both directions.
func (c *Conn) Close() (err error) {
	c.closing.Do(func() {
		close(c.closed)
		err = errors.Join(c.in.Close(), c.out.Close())
	})
	return err
}

func (c *Conn) scan() {
	r := bufio.NewReaderSize(c.in, 16<<10)
	for {
		data, err := readLine(r)
		select {
		case c.lines <- line{data, err}:
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
		if long = long || len(line)+len(part) > maxLine; long {
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
func (c *Conn) Read(ctx context.Context) (jsonrpc.Message, error) {
	msg, err := c.next(ctx)
	if err != nil {
		c.drain()
		close(c.ended)
		return nil, err
	}
	if req, ok := msg.(*jsonrpc.Request); ok {
		c.track(req)
	}
	return msg, nil
}

// track remembers which requests the host waits for and which it has cancelled.
func (c *Conn) track(req *jsonrpc.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case req.IsCall():
		c.open[req.ID] = false
	case req.Method == "notifications/cancelled":
		var p struct {
			ID any `json:"requestId"`
		}
		if json.Unmarshal(req.Params, &p) != nil {
			return
		}
		if id, err := jsonrpc.MakeID(p.ID); err == nil {
			if _, waits := c.open[id]; waits {
				c.open[id] = true
			}
		}
	}
}

// drainWithin is how long a host that has closed its end may still get
// answers: a script that pipes its requests in reads on.
const drainWithin = 500 * time.Millisecond

// drain waits until every request has its response, since the SDK cancels what
// runs at the end of input.
func (c *Conn) drain() {
	t := time.NewTimer(drainWithin)
	defer t.Stop()
	for {
		c.mu.Lock()
		open := len(c.open)
		c.mu.Unlock()
		if open == 0 {
			return
		}
		select {
		case <-c.answered:
		case <-c.closed:
			return
		case <-t.C:
			return
		}
	}
}

func (c *Conn) next(ctx context.Context) (jsonrpc.Message, error) {
	for {
		if len(c.queue) > 0 {
			msg := c.queue[0]
			c.queue = c.queue[1:]
			return msg, nil
		}
		var line line
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

// Write sends one message, or keeps it until its batch is complete.
func (c *Conn) Write(_ context.Context, msg jsonrpc.Message) error {
	resp, ok := msg.(*jsonrpc.Response)
	if !ok {
		line, err := jsonrpc.EncodeMessage(msg)
		if err != nil {
			return err
		}
		return c.writeLine(line)
	}
	cancelled := c.answer(resp.ID)
	parts, err := c.encodeResponse(resp)
	if err != nil {
		return err
	}
	if cancelled && !c.inBatch(resp.ID) {
		return nil // MCP 2025-11-25, basic/utilities/cancellation: no response any more
	}
	if parts = c.collect(resp.ID, parts); parts == nil {
		return nil
	}
	return c.writeLine(parts...)
}

// answer notes that a request has its response, and reports whether the host has
// cancelled it.
func (c *Conn) answer(id jsonrpc.ID) (cancelled bool) {
	c.mu.Lock()
	cancelled = c.open[id]
	delete(c.open, id)
	c.mu.Unlock()
	select {
	case c.answered <- struct{}{}:
	default:
	}
	return cancelled
}

func (c *Conn) inBatch(id jsonrpc.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.batches[id] != nil
}

// encodeResponse returns the pieces of the line. A result that is a key is
// replaced by the bytes that were kept under it.
func (c *Conn) encodeResponse(resp *jsonrpc.Response) ([][]byte, error) {
	raw := c.take(resp.Result)
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
func (c *Conn) collect(id jsonrpc.ID, parts [][]byte) [][]byte {
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
func (c *Conn) writeLine(parts ...[]byte) error {
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
func (c *Conn) notify(method string, params json.RawMessage) error {
	head := append([]byte(`{"jsonrpc":"2.0","method":`), strconv.Quote(method)...)
	return c.writeLine(append(head, `,"params":`...), params, []byte("}"))
}
