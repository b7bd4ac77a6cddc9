package host

import (
	"encoding/json"
	"sync"

	"mcpproxy/upstream/raw"
)

// maxProgress bounds how many notifications wait for a host that does not
// read. Beyond it the oldest is dropped, because a later one replaces it.
const maxProgress = 64

// A Progress relays the progress of one call to the host, under the host's
// own token. A goroutine writes, so that an upstream never waits for the host.
type Progress struct {
	conn  *Conn
	token string
	// queue is never closed, because an upstream may add to it during Close and
	// after it.
	queue chan json.RawMessage
	end   chan struct{} // closed by Close
	done  sync.WaitGroup
}

// Progress starts to relay progress under the token of a request, a string or
// a number (MCP 2025-11-25, basic/utilities/progress). The caller closes the
// Progress before it answers the request.
func (c *Conn) Progress(token any) *Progress {
	p := &Progress{
		conn: c, token: string(raw.Encode(token)),
		queue: make(chan json.RawMessage, maxProgress), end: make(chan struct{}),
	}
	p.done.Go(p.relay)
	return p
}

// relay writes what is queued until Close, and then what is left.
func (p *Progress) relay() {
	for {
		select {
		case params := <-p.queue:
			p.write(params)
		case <-p.end:
			p.flush()
			return
		}
	}
}

// flush writes what is left in the queue.
func (p *Progress) flush() {
	for {
		select {
		case params := <-p.queue:
			p.write(params)
		default:
			return
		}
	}
}

// write ignores an error of the output: a host that is gone ends the session in
// any case.
func (p *Progress) write(params json.RawMessage) {
	_ = p.conn.notify("notifications/progress", params)
}

// Add queues the params of a notification, in which it replaces the upstream's
// token. It drops params without a token and never waits.
func (p *Progress) Add(params json.RawMessage) {
	start, end := raw.Find(params, "progressToken")
	if start < 0 {
		return
	}
	params, err := raw.OneLine(raw.UTF8([]byte(string(params[:start]) + p.token + string(params[end:]))))
	if err != nil {
		return
	}
	for {
		select {
		case p.queue <- params:
			return
		default:
		}
		select {
		case <-p.queue:
		default:
		}
	}
}

// Close waits until everything that was added before is written. What is added
// later is dropped.
func (p *Progress) Close() {
	close(p.end)
	p.done.Wait()
}
