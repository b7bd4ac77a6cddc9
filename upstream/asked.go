package upstream

import "github.com/modelcontextprotocol/go-sdk/jsonrpc"

// maxAsked bounds the requests of an upstream that are being answered on a stream.
// An answer waits until the upstream reads it.
const maxAsked = 64

// An asked is what an upstream has asked and not yet been told.
type asked struct {
	ids       map[jsonrpc.ID]bool // of the requests that the session has
	answering int                 // these, and those whose answers are being written
}

// takes reports whether the session gets a request or notification of the
// upstream, of which it gets no large params. An upstream that asks for more than
// it takes answers of gets none, and neither does a request whose id is in use.
func (m *mux) takes(r *jsonrpc.Request) bool {
	most := sessionLimit(r.Method, r.IsCall())
	if len(r.Params) > most {
		r.Params = nil
	}
	if !r.IsCall() {
		return most > 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asked.answering == maxAsked || m.asked.ids[r.ID] {
		return false
	}
	if m.asked.ids == nil {
		m.asked.ids = make(map[jsonrpc.ID]bool)
	}
	m.asked.ids[r.ID] = true
	m.asked.answering++
	return true
}

// answers notes that the answer to a request is about to be written. The upstream
// may use its id again as soon as it has read that.
func (m *mux) answers(id jsonrpc.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.asked.ids, id)
}

// answered notes that an answer was written.
func (m *mux) answered() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked.answering--
}
