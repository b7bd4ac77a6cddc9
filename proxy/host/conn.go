package host

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// maxLine bounds one message of the host, in bytes.
const maxLine = 64 << 20

// A Conn is the connection to the host: one JSON-RPC message a line
// (MCP 2025-11-25, basic/transports, stdio). It is a [mcp.Transport] and the
// [mcp.Connection] that this transport makes.
//
// It is not the SDK's own transport, which ends the session at a line that is no
// message, and whose types of results and progress lose members, digits and
// spaces.
//
// One goroutine reads the host's lines until the input ends, and one writes what
// is in the outbox, so that neither Read nor Write waits for the host to read.
// Close ends both but does not wait for them, because a read from a terminal and
// a write to a pipe that nobody reads cannot be interrupted.
type Conn struct {
	in    io.ReadCloser
	out   io.WriteCloser
	lines chan line

	queue    []incoming    // read but not returned yet; only Read uses it
	patience time.Duration // how long Read may still wait for room; only Read uses it
	direct   *direct       // nil if the SDK's session answers every call
	ended    chan struct{} // closed by the last Read, see Ended

	closing sync.Once
	closed  chan struct{}

	added  chan struct{} // holds one value after a line was put into the outbox
	passed chan struct{} // holds one value after a request was answered, or a line was written

	mu      sync.Mutex
	open    map[jsonrpc.ID]*request    // requests without a response
	lastKey int                        // the last key of results
	results map[string]json.RawMessage // results whose response is not encoded yet

	handshake jsonrpc.ID // of the initialize request that has no response yet
	greeted   bool       // it had a response without an error
	begun     bool       // the host has ended the handshake on its side
	batching  bool       // the protocol version that was negotiated has batches
	accepted  string     // what the last request that was not refused said in its _meta, see acceptable
	outbox    []outgoing // lines to write
	writing   bool       // one that was taken out of the outbox
	held      int        // bytes of all that is in work or not written yet
	refused   int        // bytes of the refusals in the outbox

	// Of the goroutine that has set writing.
	pieces [][]byte     // to write
	joined bytes.Buffer // those that are written together
}

// A line is what one read of the input gave.
type line struct {
	data []byte
	err  error
}

// NewConn returns a connection over the two streams and starts to read. Close
// closes both streams.
func NewConn(in io.ReadCloser, out io.WriteCloser) *Conn {
	c := &Conn{
		in: in, out: out,
		lines:    make(chan line),
		patience: roomWithin,
		ended:    make(chan struct{}),
		closed:   make(chan struct{}),
		added:    make(chan struct{}, 1),
		passed:   make(chan struct{}, 1),
		open:     make(map[jsonrpc.ID]*request),
		results:  make(map[string]json.RawMessage),
	}
	go c.readLines()
	go c.writeLines()
	return c
}

// Ended is closed when no message follows: the host closed its end, and its
// requests were answered or had a quarter of a second for that.
func (c *Conn) Ended() <-chan struct{} { return c.ended }

// Connect returns c itself.
func (c *Conn) Connect(context.Context) (mcp.Connection, error) { return c, nil }

// SessionID is empty, because stdio has one session.
func (c *Conn) SessionID() string { return "" }

// Close closes both streams. Only the first call has an effect.
func (c *Conn) Close() (err error) {
	c.closing.Do(func() {
		close(c.closed)
		err = errors.Join(c.in.Close(), c.out.Close())
	})
	return err
}

// readLines hands over the lines of the input until it ends.
func (c *Conn) readLines() {
	r := bufio.NewReaderSize(c.in, 16<<10)
	for first := true; ; first = false {
		data, err := readLine(r)
		if first { // some programs on Windows begin with a byte order mark
			data = bytes.TrimPrefix(data, []byte("\ufeff"))
		}
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

// readLine returns the next line in memory of its own. It skips a line of more
// than maxLine bytes and returns errLineTooLong.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	tooLong := false
	for {
		part, err := r.ReadSlice('\n')
		tooLong = tooLong || len(line)+len(part) > maxLine
		if tooLong {
			line = nil
		} else {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err == nil && tooLong:
			return nil, errLineTooLong
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		default:
			return line, err
		}
	}
}

// Read returns the next message of the host. It answers what is no message, and
// what there is no room for, itself and reads on. It is called from one goroutine
// and not again after an error, which is [io.EOF] at the end of the input, that of
// ctx, or that of a stream.
//
// At the end of the input Read returns once each request has its response and
// each line is written, or after a quarter of a second, because the SDK then
// cancels what still runs.
func (c *Conn) Read(ctx context.Context) (jsonrpc.Message, error) {
	for {
		in, err := c.next(ctx)
		if err != nil {
			c.drain()
			if c.direct != nil {
				c.direct.cancel()
			}
			close(c.ended)
			return nil, err
		}
		if in.call != nil {
			if c.admit(ctx, in.call.id, in) {
				c.run(in.call)
			} else {
				in.call.cancel()
			}
			continue
		}
		req, ok := in.msg.(*jsonrpc.Request)
		switch {
		case ok && req.IsCall():
			in.said = acceptable(req.Params)
			if !c.admit(ctx, req.ID, in) {
				continue
			}
		case ok && req.Method == "notifications/cancelled":
			c.cancel(req.Params)
		case ok && req.Method == initialized:
			c.begin()
		}
		return in.msg, nil
	}
}

// begin notes that the host has ended the handshake on its side, which it may do
// before it has read the answer to it.
func (c *Conn) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun = c.greeted || c.handshake.IsValid()
}

// next returns the next message and answers the lines that hold none.
func (c *Conn) next(ctx context.Context) (incoming, error) {
	for {
		if len(c.queue) > 0 {
			in := c.queue[0]
			c.queue = c.queue[1:]
			return in, nil
		}
		var line line
		select {
		case line = <-c.lines:
		case <-c.closed:
			return incoming{}, io.EOF
		case <-ctx.Done():
			return incoming{}, ctx.Err()
		}
		if err := c.accept(line); err != nil {
			return incoming{}, err
		}
	}
}

// Write puts one message into the outbox. It keeps a response to a request of a
// batch until the batch is complete, and drops one to a request that the host
// cancelled.
func (c *Conn) Write(_ context.Context, msg jsonrpc.Message) error {
	select {
	case <-c.closed:
		return io.ErrClosedPipe
	default:
	}
	resp, ok := msg.(*jsonrpc.Response)
	if !ok {
		line, err := jsonrpc.EncodeMessage(msg)
		if err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.send(outgoing{parts: [][]byte{line}})
		return nil
	}
	parts, err := c.encodeResponse(resp)
	c.mu.Lock()
	defer c.mu.Unlock()
	if resp.ID == c.handshake && resp.ID.IsValid() {
		c.closeHandshake(resp)
	}
	req := c.closeRequest(resp.ID)
	if resp.Error == nil && req.said != "" {
		c.accepted = req.said
	}
	if err != nil {
		return err
	}
	if req.cancelled && req.batch == nil {
		return nil // as MCP 2025-11-25, basic/utilities/cancellation asks
	}
	c.answer(req.batch, resp.ID, parts)
	return nil
}

// encodeResponse returns the pieces of the line, with the bytes of a relayed
// result in place of its key.
func (c *Conn) encodeResponse(resp *jsonrpc.Response) ([][]byte, error) {
	raw := c.takeResult(resp.Result)
	if resp.Error != nil {
		resp = &jsonrpc.Response{ID: resp.ID, Error: plain(resp.Error)}
	}
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
