package upstream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy/upstream/raw"
)

// maxMessage bounds one message of an upstream, in bytes.
const maxMessage = 64 << 20

var errTooLong error = &SizeError{Limit: maxMessage}

// A lineConn speaks newline-delimited JSON with a child (MCP 2025-11-25,
// basic/transports, stdio). It skips lines that are no JSON-RPC messages,
// since many servers greet or log on stdout.
type lineConn struct {
	in    io.WriteCloser
	out   *os.File
	r     *bufio.Reader
	batch []jsonrpc.Message // the rest of a batch, for Read alone
	begun bool              // a line was read; touched by Read alone
	stray func(line []byte)

	writing chan struct{} // holds a token while a line is being written
	closed  chan struct{}
	once    sync.Once
}

func newLineConn(in io.WriteCloser, out *os.File, stray func(line []byte)) *lineConn {
	return &lineConn{
		in: in, out: out,
		r:       bufio.NewReaderSize(out, 64<<10),
		stray:   stray,
		writing: make(chan struct{}, 1),
		closed:  make(chan struct{}),
	}
}

func (c *lineConn) SessionID() string { return "" }

// Read returns the next message. The SDK calls it from one goroutine.
func (c *lineConn) Read(ctx context.Context) (jsonrpc.Message, error) {
	for {
		if len(c.batch) > 0 {
			m := c.batch[0]
			c.batch = c.batch[1:]
			return m, nil
		}
		line, err := c.readLine()
		if err != nil {
			return nil, err
		}
		if !c.begun { // some programs on Windows begin with a byte order mark
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
			c.begun = true
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if line[0] == '[' {
			c.readBatch(line)
			continue
		}
		m, err := decodeMessage(line)
		if err == nil {
			return m, nil
		}
		c.stray(line)
	}
}

// maxBatch bounds the messages of a batch. What is beyond it is not looked at.
const maxBatch = 1000

// readBatch takes a JSON-RPC batch apart (MCP 2025-03-26 allows them).
func (c *lineConn) readBatch(line []byte) {
	if !raw.Valid(line) {
		c.stray(line)
		return
	}
	n, stray := 0, false
	for at := range raw.Elements(line) {
		if n++; n > maxBatch {
			return
		}
		m, err := decodeMessage(at.In(line))
		switch {
		case err == nil:
			c.batch = append(c.batch, m)
		case !stray: // one is told, since each is redacted first
			c.stray(at.In(line))
			stray = true
		}
	}
}

// readLine returns a line in memory of its own, since its parts are passed on.
func (c *lineConn) readLine() ([]byte, error) {
	var line []byte
	for {
		part, err := c.r.ReadSlice('\n')
		line = append(grown(line, len(part)), part...)
		switch {
		case err == nil:
			return line, nil
		case errors.Is(err, bufio.ErrBufferFull):
			if len(line) > maxMessage {
				return nil, errTooLong
			}
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		default:
			select {
			case <-c.closed:
				return nil, io.EOF
			default:
				return nil, err
			}
		}
	}
}

// grownFrom is the size in bytes from which a line grows by steps of four.
const grownFrom = 1 << 20

// grown returns line with room for n more bytes. What append would allocate on
// the way to a large line is several times its size; here it is a third, and
// memory that is not written to costs nothing.
func grown(line []byte, n int) []byte {
	if len(line)+n <= cap(line) || len(line) < grownFrom {
		return line
	}
	size := min(4*cap(line), maxMessage+n)
	if size > 8<<20 {
		runtime.GC() // else the large lines of before would stay beside this one
	}
	return append(make([]byte, 0, size), line...)
}

// Write sends one message, always whole: if ctx ends while the child does not
// read, the rest is written when it does.
func (c *lineConn) Write(ctx context.Context, msg jsonrpc.Message) error {
	data, err := jsonrpc.EncodeMessage(msg)
	if err != nil {
		return err
	}
	return c.writeLine(ctx, append(data, '\n'))
}

// writeLine returns ErrNotSent if ctx ended before its turn came.
func (c *lineConn) writeLine(ctx context.Context, line []byte) error {
	select {
	case c.writing <- struct{}{}:
	case <-ctx.Done():
		return errors.Join(ErrNotSent, ctx.Err())
	case <-c.closed:
		return errors.Join(ErrNotSent, io.ErrClosedPipe)
	}
	done := make(chan error, 1)
	go func() { // ends when the child reads or the connection closes
		n, err := c.in.Write(line)
		if err != nil && n < len(line)-1 {
			err = errors.Join(ErrNotSent, err) // a part of a line is no message
		}
		<-c.writing
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close closes the child's stdin, which asks it to end, and stops reading. The
// child's stdout stays open, so that a last write does not kill it.
func (c *lineConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.in.Close()
		c.out.SetReadDeadline(time.Now())
	})
	return nil
}
