package host

import (
	"bytes"
	"strconv"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy/upstream/raw"
)

// Bounds in bytes on what waits for a host that does not read. Read must see the
// end of the input, and calls must end, so that neither can wait for the host.
const (
	maxRefusals = 1 << 20   // of refusals; one beyond is dropped
	maxAnswers  = 256 << 20 // of all; an answer beyond is dropped, and an error says so
)

// An outgoing is a line to write, in pieces.
type outgoing struct {
	parts    [][]byte
	refusal  bool
	progress *Progress // in place of parts: the oldest that it then has
}

// size returns the length of pieces together.
func size(parts [][]byte) (n int) {
	for _, part := range parts {
		n += len(part)
	}
	return n
}

// send puts a line into the outbox. c.mu is held, as in all of the following.
func (c *Conn) send(o outgoing) {
	c.held += size(o.parts)
	c.outbox = append(c.outbox, o)
	wake(c.added)
}

// refuse sends the answer to what is not passed on, or drops it.
func (c *Conn) refuse(line []byte) {
	if c.refused+len(line) <= maxRefusals {
		c.refused += len(line)
		c.send(outgoing{parts: [][]byte{line}, refusal: true})
	}
}

// answer sends the response to a request, or keeps it until its batch is
// complete.
func (c *Conn) answer(batch *batchAnswer, id jsonrpc.ID, parts [][]byte) {
	if c.held+size(parts) > maxAnswers {
		parts = [][]byte{refusalOf(id, codeBusy, "this was done, but its answer was dropped, because too many wait for the host to read them")}
	}
	if batch == nil {
		c.send(outgoing{parts: parts})
		return
	}
	c.held += batch.add(parts...)
	batch.missing--
	batch.done = true
	c.complete(batch)
}

// complete sends the answer to a batch if nothing is missing.
func (c *Conn) complete(batch *batchAnswer) {
	if batch.missing > 0 || batch.parts == nil {
		return
	}
	c.held -= size(batch.parts)
	parts := append(batch.parts, []byte("]"))
	if batch.done {
		c.send(outgoing{parts: parts})
		return
	}
	c.refuse(bytes.Join(parts, nil))
}

// A batchAnswer collects the responses to a batch (MCP 2025-03-26, basic,
// JSON-RPC batching).
type batchAnswer struct {
	missing int      // requests without a response
	done    bool     // one had another response than a refusal
	parts   [][]byte // the pieces of the line so far
}

// add adds a response in pieces and returns by how much the answer grew.
func (a *batchAnswer) add(parts ...[]byte) int {
	separator := []byte(",")
	if a.parts == nil {
		separator = []byte("[")
	}
	a.parts = append(append(a.parts, separator), parts...)
	return len(separator) + size(parts)
}

// writeLines writes what is in the outbox until Close. A host that cannot be
// written to is gone.
func (c *Conn) writeLines() {
	for {
		select {
		case <-c.added:
			c.writeHere()
		case <-c.closed:
			return
		}
	}
}

// writeHere writes what is in the outbox, unless another goroutine does. It waits
// for the host to read, so that it is only for goroutines that nothing waits for.
func (c *Conn) writeHere() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing {
		return
	}
	c.writing = true
	defer func() {
		c.writing = false
		wake(c.passed)
	}()
	for len(c.outbox) > 0 {
		n := c.take()
		c.mu.Unlock()
		err := c.put()
		c.mu.Lock()
		c.held -= n
		wake(c.passed)
		if err != nil {
			c.mu.Unlock()
			c.Close()
			c.mu.Lock()
			return
		}
	}
}

// together is how many bytes of lines are written at once, where there are more.
const together = 64 << 10

// take moves lines from the outbox into c.pieces, and returns how many bytes they
// have.
func (c *Conn) take() (taken int) {
	c.pieces = c.pieces[:0]
	for len(c.outbox) > 0 && taken < together {
		o := c.outbox[0]
		c.outbox[0] = outgoing{} // the rest of the array may stay for long
		c.outbox = c.outbox[1:]
		switch {
		case o.refusal:
			c.refused -= size(o.parts)
		case o.progress != nil:
			if o.parts = o.progress.take(); o.parts == nil {
				continue
			}
		}
		taken += size(o.parts)
		c.pieces = append(append(c.pieces, o.parts...), newline)
	}
	return taken
}

var newline = []byte("\n")

// put writes c.pieces, and U+FFFD for each byte of an upstream that is not UTF-8.
// It joins pieces of up to 32 KiB and does not copy larger ones.
func (c *Conn) put() error {
	c.joined.Reset()
	for _, piece := range c.pieces {
		if len(piece) <= 32<<10 {
			_ = raw.WriteUTF8(&c.joined, piece) // a Buffer takes everything
			continue
		}
		if _, err := c.joined.WriteTo(c.out); err != nil {
			return err
		}
		if err := raw.WriteUTF8(c.out, piece); err != nil {
			return err
		}
	}
	clear(c.pieces) // they may be large
	_, err := c.joined.WriteTo(c.out)
	return err
}

// notification returns the pieces of a notification with exactly these bytes as
// params.
func notification(method string, params []byte) [][]byte {
	head := append([]byte(`{"jsonrpc":"2.0","method":`), strconv.Quote(method)...)
	return [][]byte{append(head, `,"params":`...), params, []byte("}")}
}
