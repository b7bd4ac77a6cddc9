package host

import (
	"encoding/json"
	"sync"

	"mcpproxy/upstream/raw"
)

// maxProgress bounds how many notifications wait for a host that does not
// read; beyond it the oldest are dropped, which later ones make good.
const maxProgress = 64

// A Progress relays the progress of one call to the host, under the host's
// own token. Its goroutine writes, so that an upstream never waits for the
// host; Close waits until all is written that was added before it.
type Progress struct {
	conn  *Conn
	token string
	// queue is never closed: of a call that was given up, a last notification
	// may be added while or after its progress is closed.
	queue chan json.RawMessage
	end   chan struct{}
	done  sync.WaitGroup
}

// Progress returns what relays progress under the token of a request, a string
// or a number (MCP 2025-11-25, basic/utilities/progress). The caller closes it
// before it answers the request.
func (c *Conn) Progress(token any) *Progress {
	p := &Progress{
		conn: c, token: string(raw.Encode(token)),
		queue: make(chan json.RawMessage, maxProgress), end: make(chan struct{}),
	}
	p.done.Go(p.relay)
	return p
}

// relay writes what is queued, and at the end what is still there.
func (p *Progress) relay() {
	for ended := false; !ended; {
		select {
		case params := <-p.queue:
			p.write(params)
		case <-p.end:
			ended = true
		}
	}
	for {
		select {
		case params := <-p.queue:
			p.write(params)
		default:
			return
		}
	}
}

// write tells the host. One that is gone ends the session: there is no more to do.
func (p *Progress) write(params json.RawMessage) {
	_ = p.conn.notify("notifications/progress", params)
}

// Add queues a notification's params; the upstream's token is replaced.
func (p *Progress) Add(params json.RawMessage) {
	start, end := raw.Find(params, "progressToken")
	if start < 0 {
		return
	}
	params, err := raw.OneLine([]byte(string(params[:start]) + p.token + string(params[end:])))
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

// Close ends the relaying. What is added later goes nowhere.
func (p *Progress) Close() {
	close(p.end)
	p.done.Wait()
}
