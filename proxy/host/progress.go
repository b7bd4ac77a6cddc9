package host

import (
	"encoding/json"
	"math"

	"mcpproxy/upstream/raw"
)

// maxProgress bounds how many notifications wait for a host that does not
// read. Beyond it the oldest is dropped, because a later one replaces it.
const maxProgress = 64

// A Progress relays the progress of one call to the host, under the host's own
// token. It never waits for the host.
type Progress struct {
	conn  *Conn
	token string // as JSON; "" if there can be none

	// Under conn.mu.
	closed  bool
	pending []json.RawMessage // params, the oldest first
	places  int               // in the outbox, each for one of them
}

// Progress starts to relay progress under the token of a request, a string or
// a number (MCP 2025-11-25, basic/utilities/progress). Any other token, and a
// number that did not keep its digits, is relayed nothing. The caller closes the
// Progress before it answers the request.
func (c *Conn) Progress(token any) *Progress {
	p := &Progress{conn: c}
	switch t := token.(type) {
	case string, int:
		p.token = string(raw.Encode(t))
	case float64:
		if math.Abs(t) < maxExact {
			p.token = string(raw.Encode(t))
		}
	}
	return p
}

// maxExact bounds the whole numbers that a double holds exactly.
const maxExact = 1 << 53

// Add sends the params of a notification, in which it replaces the upstream's
// token. It drops params without a token, and the oldest of what the host has not
// read, and never waits.
func (p *Progress) Add(params json.RawMessage) {
	start, end := raw.Find(params, "progressToken")
	if start < 0 || p.token == "" {
		return
	}
	params, err := raw.OneLine([]byte(string(params[:start]) + p.token + string(params[end:])))
	if err != nil {
		return
	}
	c := p.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(p.pending) > 0 && (len(p.pending) == maxProgress || c.held+len(params) > maxHeld) {
		p.pop()
	}
	if p.closed || c.held+len(params) > maxHeld {
		return
	}
	p.pending = append(p.pending, params)
	c.held += len(params)
	if p.places < len(p.pending) {
		p.places++
		c.send(outgoing{progress: p})
	}
}

// pop removes the oldest that is pending. conn.mu is held.
func (p *Progress) pop() json.RawMessage {
	params := p.pending[0]
	p.pending[0] = nil
	p.pending = p.pending[1:]
	p.conn.held -= len(params)
	return params
}

// take returns the line of the oldest that is pending, or nil. conn.mu is held.
func (p *Progress) take() [][]byte {
	p.places--
	if len(p.pending) == 0 {
		return nil
	}
	parts := notification("notifications/progress", p.pop())
	p.conn.held += size(parts)
	return parts
}

// Close ends the relay: what is added later is dropped. What was added before is
// written before the answer.
func (p *Progress) Close() {
	p.conn.mu.Lock()
	defer p.conn.mu.Unlock()
	p.closed = true
}
