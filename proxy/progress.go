package proxy

import (
	"encoding/json"
	"sync"
)

// maxProgress bounds how many notifications wait for a host that does not
// read; beyond it the oldest are dropped, which later ones make good.
const maxProgress = 64

// A progress relays the progress of one call to the host, under the host's
// own token. Its goroutine writes, so that an upstream never waits for the
// host; close waits until all is written.
type progress struct {
	conn  *hostConn
	token string
	queue chan json.RawMessage
	done  sync.WaitGroup
}

func newProgress(conn *hostConn, token any) *progress {
	p := &progress{conn: conn, token: string(compact(token)), queue: make(chan json.RawMessage, maxProgress)}
	p.done.Go(func() {
		for params := range p.queue {
			// A host that is gone ends the session; there is no more to do.
			_ = p.conn.notify("notifications/progress", params)
		}
	})
	return p
}

// add queues a notification's params; the upstream's token is replaced.
func (p *progress) add(params json.RawMessage) {
	start, end := find(params, "progressToken")
	if start < 0 {
		return
	}
	params, err := oneLine([]byte(string(params[:start]) + p.token + string(params[end:])))
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

func (p *progress) close() {
	close(p.queue)
	p.done.Wait()
}
