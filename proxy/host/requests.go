package host

import (
	"context"
	"encoding/json"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// Bounds on what is in work for the host, and on what waits for it to read. A
// request beyond them waits for a moment and is then refused, but read, so that
// cancellations and the end of the input are noticed.
const (
	maxOpen = 2048     // requests without a response
	maxHeld = 64 << 20 // bytes of those, and of the answers that are not written

	// roomWithin bounds how long a request waits for room while nothing is answered
	// or read. Then none waits, until half of the room is free again.
	roomWithin = 200 * time.Millisecond
)

// codeBusy is a server's own error (JSON-RPC 2.0, section 5.1): what is asked
// for cannot be done now.
const codeBusy = -32000

// An incoming is a message of the host that was read.
type incoming struct {
	msg   jsonrpc.Message
	call  *directCall  // in place of msg
	size  int          // in bytes
	batch *batchAnswer // that it belongs to, or nil
	said  string       // see acceptable
}

// A request waits for its response.
type request struct {
	size      int
	batch     *batchAnswer
	cancelled bool   // by the host
	cancel    func() // ends it if it is a direct call
	said      string // see acceptable
}

// admit records a request that the host waits for, or refuses it.
func (c *Conn) admit(ctx context.Context, id jsonrpc.ID, in incoming) bool {
	for {
		c.mu.Lock()
		full := len(c.open) >= maxOpen || c.held >= maxHeld
		switch {
		case !full && !c.track(id, in):
			c.mu.Unlock()
			return false
		case full && c.patience <= 0:
			c.answerRefused(id, in.batch)
		}
		if len(c.open) < maxOpen/2 && c.held < maxHeld/2 {
			c.patience = roomWithin
		}
		c.mu.Unlock()
		if !full {
			return true
		}
		if c.patience <= 0 || !c.waitForRoom(ctx) {
			return false
		}
	}
}

func (c *Conn) answerRefused(id jsonrpc.ID, batch *batchAnswer) {
	line := refusalOf(id, codeBusy, "too many requests wait for their answer, or for the host to read it; this one was not run")
	if batch == nil {
		c.refuse(line)
		return
	}
	c.held += batch.add(line)
	batch.missing--
	c.complete(batch)
}

// waitForRoom waits until something has passed, or for as long as Read has
// patience. It reports false if the connection ends.
func (c *Conn) waitForRoom(ctx context.Context) bool {
	t := time.NewTimer(c.patience)
	defer t.Stop()
	select {
	case <-c.passed:
		c.patience = roomWithin
	case <-t.C:
		c.patience = 0
	case <-c.closed:
		return false
	case <-ctx.Done():
		return false
	}
	return true
}

// track records an open request, or reports false if it is dropped. An id that is
// in use gets one response: for a second request the SDK gives none. c.mu is held.
func (c *Conn) track(id jsonrpc.ID, in incoming) bool {
	switch old := c.open[id]; {
	case old == nil:
	case old.cancel != nil && old.cancelled: // nothing of it is sent any more
		c.held -= old.size
	default:
		if in.batch != nil {
			in.batch.missing--
			c.complete(in.batch)
		}
		return old.cancel == nil
	}
	req := &request{size: in.size, batch: in.batch, said: in.said}
	if in.call != nil {
		req.cancel, in.call.request = in.call.cancel, req
	}
	c.open[id] = req
	c.held += in.size
	if r, ok := in.msg.(*jsonrpc.Request); ok && r.Method == "initialize" {
		c.handshake = id
	}
	return true
}

// cancel records that the host has cancelled a request.
func (c *Conn) cancel(params json.RawMessage) {
	var p struct {
		ID any `json:"requestId"`
	}
	if json.Unmarshal(params, &p) != nil {
		return
	}
	id, err := jsonrpc.MakeID(p.ID)
	if err != nil {
		return
	}
	c.mu.Lock()
	req := c.open[id]
	if req != nil {
		req.cancelled = true
	}
	c.mu.Unlock()
	if req != nil && req.cancel != nil {
		req.cancel()
	}
}

// closeRequest records that a request has its response and returns it. c.mu is
// held.
func (c *Conn) closeRequest(id jsonrpc.ID) request {
	defer wake(c.passed)
	req := c.open[id]
	if req == nil {
		return request{}
	}
	delete(c.open, id)
	c.held -= req.size
	return *req
}

// closeHandshake looks at the response to initialize. c.mu is held.
func (c *Conn) closeHandshake(resp *jsonrpc.Response) {
	c.handshake = jsonrpc.ID{}
	var r struct {
		Version string `json:"protocolVersion"`
	}
	c.greeted = resp.Error == nil && json.Unmarshal(resp.Result, &r) == nil
	c.batching = r.Version == batchVersion
}

// wake leaves a value in a channel of capacity 1.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// drainWithin bounds the wait for responses at the end of the input: a script
// that pipes its requests in still reads the answers.
const drainWithin = 250 * time.Millisecond

// drain waits until each request has its response and each line is written, at
// most drainWithin.
func (c *Conn) drain() {
	t := time.NewTimer(drainWithin)
	defer t.Stop()
	for {
		c.mu.Lock()
		done := len(c.open) == 0 && len(c.outbox) == 0 && !c.writing
		c.mu.Unlock()
		if done {
			return
		}
		select {
		case <-c.passed:
		case <-c.closed:
			return
		case <-t.C:
			return
		}
	}
}
