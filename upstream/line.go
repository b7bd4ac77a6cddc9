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
	"syscall"
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
	now   syscall.RawConn // of in, nil if it has none
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
	c := &lineConn{
		in: in, out: out,
		r:       bufio.NewReaderSize(out, 64<<10),
		stray:   stray,
		writing: make(chan struct{}, 1),
		closed:  make(chan struct{}),
	}
	if pipe, ok := in.(syscall.Conn); ok {
		c.now, _ = pipe.SyscallConn() // nil if it is closed
	}
	return c
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
			line = withoutMark(line)
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
	stray := false
	for _, data := range messages(line) {
		m, err := decodeMessage(data)
		switch {
		case err == nil:
			c.batch = append(c.batch, m)
		case !stray: // one is told, since each is redacted first
			c.stray(data)
			stray = true
		}
	}
}

// readLine returns a line in memory of its own, since its parts are passed on.
func (c *lineConn) readLine() ([]byte, error) {
	part, err := c.r.ReadSlice('\n')
	if err == nil {
		return bytes.Clone(part), nil
	}
	var long longLine
	defer long.release()
	for long.add(part); errors.Is(err, bufio.ErrBufferFull); long.add(part) {
		if len(long.line) > maxMessage {
			return nil, errTooLong
		}
		part, err = c.r.ReadSlice('\n')
	}
	if err == nil || errors.Is(err, io.EOF) && len(long.line) > 0 {
		return long.take(), nil
	}
	select {
	case <-c.closed:
		return nil, io.EOF
	default:
		return nil, err
	}
}

// A longLine is put together from its parts. What append would allocate on the way
// to it is several times its size, so that it begins in memory that is used again.
type longLine struct {
	line   []byte
	pooled *[]byte // the memory of line, nil if that is its own
}

// begins is memory in which lines begin, of a size that most of them end in.
var begins = sync.Pool{New: func() any { return new(make([]byte, 0, 2<<20)) }}

func (l *longLine) add(part []byte) {
	if l.line == nil {
		l.pooled = begins.Get().(*[]byte)
		l.line = *l.pooled
	}
	if len(l.line)+len(part) > cap(l.line) {
		// It grows by steps of four, a third of which is copied; memory that is not
		// written to costs nothing.
		size := min(4*cap(l.line), maxMessage+len(part))
		if size > 8<<20 {
			runtime.GC() // else the large lines of before would stay beside this one
		}
		own := append(make([]byte, 0, size), l.line...)
		l.release()
		l.line = own
	}
	l.line = append(l.line, part...)
}

// take returns the line in memory of its own.
func (l *longLine) take() []byte {
	if l.pooled == nil {
		return l.line
	}
	return bytes.Clone(l.line)
}

func (l *longLine) release() {
	if l.pooled != nil {
		begins.Put(l.pooled)
		l.pooled = nil
	}
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
	n := 0
	if c.now != nil {
		n = writeNow(c.now, line)
	}
	if n == len(line) {
		<-c.writing
		return nil
	}
	done := make(chan error, 1)
	go func() { // ends when the child reads or the connection closes
		more, err := c.in.Write(line[n:])
		if err != nil && n+more < len(line)-1 {
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
