package upstream

import (
	"errors"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// A probing is a server/discover request whose answer is bounded in time.
type probing struct {
	id    jsonrpc.ID
	timer *time.Timer
	over  bool // the mux answered it
	late  bool // the upstream answered it later
}

// greet notes the request with which a session begins, before it is sent.
func (m *mux) greet(r *jsonrpc.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hello, m.greeted = r.ID, make(chan struct{})
	if line, err := jsonrpc.EncodeMessage(r); err == nil {
		m.said += len(line) + 1
	}
	switch {
	case r.Method == "server/discover" && m.probe > 0:
		m.probing = probing{id: r.ID, timer: time.AfterFunc(m.probe, func() { m.giveUpProbe(r.ID) })}
	case m.probing.over && m.child != nil && m.broken == nil:
		greeted, said := m.greeted, m.said
		m.wg.Go(func() { m.awaitGreeting(greeted, said) })
	}
}

// greeting mends the answer to the request with which the session begins.
func (m *mux) greeting(r *jsonrpc.Response) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.greeted == nil || r.ID != m.hello {
		return
	}
	close(m.greeted)
	m.greeted = nil
	r.Result = mendInitialize(r.Result)
}

// greetingWait bounds the answer to initialize of a child that has read
// server/discover and not answered it.
const greetingWait = 5 * time.Second

var errUpset = errors.New("no answer since server/discover")

// awaitGreeting ends the connection to a child that reads and does not answer,
// because it may do so when it is started anew. One that does not read is left
// to start, as slowly as it likes.
func (m *mux) awaitGreeting(greeted <-chan struct{}, said int) {
	poll := time.NewTicker(greetingWait / 10)
	defer poll.Stop()
	for reads := 0; reads < 10; {
		select {
		case <-poll.C:
		case <-greeted:
			return
		case <-m.ended:
			return
		}
		if m.childReads(said) {
			reads++
		}
	}
	m.fail(errUpset)
}

// childReads reports whether the child has read anything of what was said. Where
// that is not known, one that writes to stderr is taken for one that is busy.
func (m *mux) childReads(said int) bool {
	if n, ok := m.child.Unread(); ok {
		return n < said
	}
	return m.child.Stderr() == ""
}

// giveUpProbe answers server/discover in place of the upstream, so that the
// session falls back to initialize on the same connection.
func (m *mux) giveUpProbe(id jsonrpc.ID) {
	m.mu.Lock()
	answered := m.probing.id != id
	m.probing.over = !answered
	m.mu.Unlock()
	if !answered {
		m.pass(&jsonrpc.Response{ID: id, Error: &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "no answer"}})
	}
}

// answeredLate reports whether the upstream knows server/discover, but
// answered it too late.
func (m *mux) answeredLate() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.probing.late
}

// silent reports whether the upstream did not answer server/discover.
func (m *mux) silent() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.probing.over && !m.probing.late
}

// takeProbe notes the answer to server/discover, and reports whether it is too
// late for the session to see.
func (m *mux) takeProbe(r *jsonrpc.Response) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !r.ID.IsValid() || r.ID != m.probing.id {
		return false
	}
	m.probing.timer.Stop()
	if m.probing.over {
		m.probing.late = r.Error == nil
		return true
	}
	m.probing.id = jsonrpc.ID{}
	return false
}
