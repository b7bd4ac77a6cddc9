package host

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
// One goroutine reads the host's lines until the input ends, and one writes the
// refusals of what is no message, so that Read never waits for the host to read.
// Close ends both but does not wait for them, because a read from a terminal and
// a write to a pipe that nobody reads cannot be interrupted.
type Conn struct {
	in    io.ReadCloser
	out   io.WriteCloser
	lines chan line

	queue []jsonrpc.Message // read but not returned yet; only Read uses it
	ended chan struct{}     // closed by the last Read, see Ended

	closing sync.Once
	closed  chan struct{}

	writing chan struct{} // capacity 1: held while lines are written, which keeps them apart

	answered chan struct{} // holds one value after a request got its response, or a refusal was written
	refused  chan struct{} // holds one value after a refusal was added

	mu      sync.Mutex
	open    map[jsonrpc.ID]bool         // requests without a response; true if cancelled
	lastKey int                         // the last key of results
	results map[string]json.RawMessage  // results whose response is not written yet
	batches map[jsonrpc.ID]*batchAnswer // the batch of each request that came in one

	handshake jsonrpc.ID // of the initialize request that has no response yet
	batching  bool       // the protocol version that was negotiated has batches
	refusals  [][]byte   // lines to write
	writes    int        // of refusals that are being written
}

// A line is what one read of the input gave.
type line struct {
	data []byte
	err  error
}

// A batchAnswer collects the responses to a batch (MCP 2025-03-26, basic,
// JSON-RPC batching).
type batchAnswer struct {
	missing int      // requests without a response
	parts   [][]byte // the pieces of the line so far
}

// NewConn returns a connection over the two streams and starts to read. Close
// closes both streams.
func NewConn(in io.ReadCloser, out io.WriteCloser) *Conn {
	c := &Conn{
		in: in, out: out,
		lines:    make(chan line),
		ended:    make(chan struct{}),
		closed:   make(chan struct{}),
		writing:  make(chan struct{}, 1),
		answered: make(chan struct{}, 1),
		refused:  make(chan struct{}, 1),
		open:     make(map[jsonrpc.ID]bool),
		results:  make(map[string]json.RawMessage),
		batches:  make(map[jsonrpc.ID]*batchAnswer),
	}
	go c.readLines()
	go c.writeRefusals()
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

// Read returns the next message of the host. It answers what is no message
// itself and reads on. It is called from one goroutine and not again after an
// error, which is [io.EOF] at the end of the input, that of ctx, or that of a
// stream.
//
// At the end of the input Read returns once each request has its response, or
// after a quarter of a second, because the SDK then cancels what still runs.
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

// track records which requests the host waits for and which it has cancelled.
func (c *Conn) track(req *jsonrpc.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case req.IsCall():
		c.open[req.ID] = false
		if req.Method == "initialize" {
			c.handshake = req.ID
		}
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

// drainWithin bounds the wait for responses at the end of the input: a script
// that pipes its requests in still reads the answers.
const drainWithin = 250 * time.Millisecond

// drain waits until each request has its response and each refusal is written,
// at most drainWithin.
func (c *Conn) drain() {
	t := time.NewTimer(drainWithin)
	defer t.Stop()
	for {
		c.mu.Lock()
		open := len(c.open) + len(c.refusals) + c.writes
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

// next returns the next message and answers the lines that hold none.
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

// Write sends one message. It keeps a response to a request of a batch until
// the batch is complete, and drops one to a request that the host cancelled.
func (c *Conn) Write(_ context.Context, msg jsonrpc.Message) error {
	resp, ok := msg.(*jsonrpc.Response)
	if !ok {
		line, err := jsonrpc.EncodeMessage(msg)
		if err != nil {
			return err
		}
		return c.writeLine(line)
	}
	cancelled := c.closeRequest(resp)
	parts, err := c.encodeResponse(resp)
	if err != nil {
		return err
	}
	if cancelled && !c.inBatch(resp.ID) {
		return nil // as MCP 2025-11-25, basic/utilities/cancellation asks
	}
	if parts = c.collect(resp.ID, parts); parts == nil {
		return nil
	}
	return c.writeLine(parts...)
}

// closeRequest records that a request has its response and reports whether the
// host has cancelled it.
func (c *Conn) closeRequest(resp *jsonrpc.Response) (cancelled bool) {
	c.mu.Lock()
	cancelled = c.open[resp.ID]
	delete(c.open, resp.ID)
	if resp.ID == c.handshake && resp.ID.IsValid() {
		c.handshake = jsonrpc.ID{}
		var r struct {
			Version string `json:"protocolVersion"`
		}
		c.batching = json.Unmarshal(resp.Result, &r) == nil && r.Version == batchVersion
	}
	c.mu.Unlock()
	wake(c.answered)
	return cancelled
}

// wake leaves a value in a channel of capacity 1.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// inBatch reports whether a request came in a batch, which needs a response to
// each of its requests to be complete.
func (c *Conn) inBatch(id jsonrpc.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.batches[id] != nil
}

// encodeResponse returns the pieces of the line, with the bytes of a relayed
// result in place of its key.
func (c *Conn) encodeResponse(resp *jsonrpc.Response) ([][]byte, error) {
	raw := c.takeResult(resp.Result)
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

// collect returns what this response allows to write: the response itself, its
// whole batch, or nothing yet.
func (c *Conn) collect(id jsonrpc.ID, parts [][]byte) [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	answer := c.batches[id]
	if answer == nil {
		return parts
	}
	delete(c.batches, id)
	answer.add(parts...)
	if answer.missing--; answer.missing > 0 {
		return nil
	}
	return answer.line()
}

// add adds a response in pieces.
func (a *batchAnswer) add(parts ...[]byte) {
	separator := byte(',')
	if a.parts == nil {
		separator = '['
	}
	a.parts = append(append(a.parts, []byte{separator}), parts...)
}

// line returns the pieces of the whole line.
func (a *batchAnswer) line() [][]byte { return append(a.parts, []byte("]")) }

// writeLine writes the pieces as one line, after the refusals that were added
// before it. Close ends its wait for other lines, but not the write itself.
func (c *Conn) writeLine(parts ...[]byte) error {
	select {
	case c.writing <- struct{}{}:
		defer func() { <-c.writing }()
	case <-c.closed:
		return io.ErrClosedPipe
	}
	if err := c.flushRefusals(); err != nil || len(parts) == 0 {
		return err
	}
	return c.put(parts...)
}

// put writes one line, with writing held. It joins pieces of up to 32 KiB into
// one write and does not copy larger ones.
func (c *Conn) put(parts ...[]byte) error {
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

// notify sends a notification with exactly these bytes as params.
func (c *Conn) notify(method string, params json.RawMessage) error {
	head := append([]byte(`{"jsonrpc":"2.0","method":`), strconv.Quote(method)...)
	return c.writeLine(append(head, `,"params":`...), params, []byte("}"))
}
