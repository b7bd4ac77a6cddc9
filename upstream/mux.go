package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/upstream/child"
)

// A mux sends raw requests on the connection of an SDK session, and takes their
// responses and progress notifications out of what the session reads.
//
// One goroutine reads the connection, and one waits for the end of the program
// behind it, if there is one. [mux.wait] waits for both.
type mux struct {
	mcp.Connection
	child *child.Process // at the other end, nil if there is none
	probe time.Duration  // bounds the answer to server/discover; 0 is without a bound

	rest  chan jsonrpc.Message // what is for the session
	ended chan struct{}        // closed when broken is set
	wg    sync.WaitGroup

	mu      sync.Mutex
	asked   asked
	pending map[string]*exchange // by request id
	next    int64
	broken  error // set once: no request is accepted after it
	died    bool  // the child had ended when broken was set
	probing probing
	hello   jsonrpc.ID    // of the last initialize or server/discover
	said    int           // bytes of all of these
	greeted chan struct{} // closed with the answer to it; nil before it is sent
}

func newMux(ctx context.Context, c mcp.Connection, p *child.Process) *mux {
	m := &mux{Connection: c, child: p, rest: make(chan jsonrpc.Message), ended: make(chan struct{})}
	m.wg.Go(func() { m.pump(ctx) })
	if p != nil {
		m.wg.Go(m.watch)
	}
	return m
}

// pump reads until the connection or its ctx ends.
func (m *mux) pump(ctx context.Context) {
	for {
		msg, err := m.Connection.Read(ctx)
		if err != nil {
			m.awaitExit()
			m.fail(err)
			return
		}
		if r, ok := msg.(*jsonrpc.Request); !m.deliver(msg) && (!ok || m.takes(r)) {
			m.pass(msg)
		}
	}
}

// finalOutputWait is how long what a program wrote before its end may take to
// be read.
const finalOutputWait = 250 * time.Millisecond

// watch ends the connection with the child. The end of its stdout would not do,
// because what it started may hold that.
func (m *mux) watch() {
	select {
	case <-m.child.Exited():
	case <-m.ended:
		return
	}
	t := time.NewTimer(finalOutputWait)
	defer t.Stop()
	select {
	case <-t.C:
		m.fail(io.EOF)
	case <-m.ended:
	}
}

// exitGrace is how much later than its streams the child itself may end.
const exitGrace = 250 * time.Millisecond

// awaitExit waits a moment for the end of a child that has closed a stream, so
// that it is not taken for an end that we have asked for.
func (m *mux) awaitExit() {
	if m.child == nil {
		return
	}
	t := time.NewTimer(exitGrace)
	defer t.Stop()
	select {
	case <-m.child.Exited():
	case <-m.ended:
	case <-t.C:
	}
}

// diedFirst reports whether the child has ended by itself, and not because we
// closed the connection.
func (m *mux) diedFirst() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.died
}

// pass hands a message to the session.
func (m *mux) pass(msg jsonrpc.Message) {
	select {
	case m.rest <- msg:
	case <-m.ended:
	}
}

// Close asks the connection to end. The session's read ends at once, also where
// a read of the connection cannot be interrupted.
func (m *mux) Close() error {
	m.fail(errEnded)
	return m.Connection.Close()
}

// wait returns when the connection has ended.
func (m *mux) wait() { m.wg.Wait() }

// An exchange is one raw request on its way.
type exchange struct {
	id       string
	answer   chan *jsonrpc.Response // buffered by one; closed without an answer if the connection broke
	progress func(params json.RawMessage)
}

// begin registers an exchange, which the caller must end.
func (m *mux) begin(progress func(json.RawMessage)) (*exchange, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return nil, errors.Join(ErrNotSent, m.broken)
	}
	m.next++
	x := &exchange{id: formatID(m.next), answer: make(chan *jsonrpc.Response, 1), progress: progress}
	if m.pending == nil {
		m.pending = make(map[string]*exchange)
	}
	m.pending[x.id] = x
	return x, nil
}

func (m *mux) end(x *exchange) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.pending, x.id)
}

// Read returns the next message for the SDK's session.
func (m *mux) Read(ctx context.Context) (jsonrpc.Message, error) {
	select {
	case msg := <-m.rest:
		return msg, nil
	case <-m.ended:
		m.mu.Lock()
		defer m.mu.Unlock()
		return nil, m.broken
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Write sends a message of the SDK's session.
func (m *mux) Write(ctx context.Context, msg jsonrpc.Message) error {
	switch msg := msg.(type) {
	case *jsonrpc.Request:
		if msg.Method == "server/discover" || msg.Method == "initialize" {
			m.greet(msg)
		}
	case *jsonrpc.Response:
		m.answers(msg.ID)
		defer m.answered()
	}
	return m.write(ctx, msg)
}

func (m *mux) write(ctx context.Context, msg jsonrpc.Message) error {
	return m.written(ctx, m.Connection.Write(ctx, msg))
}

// written returns the error of a write, once the end of the child is known if
// that is its cause.
func (m *mux) written(ctx context.Context, err error) error {
	if err != nil && ctx.Err() == nil {
		m.awaitExit()
	}
	return err
}

// deliver reports whether msg belongs to a raw request, and delivers it.
func (m *mux) deliver(msg jsonrpc.Message) bool {
	switch msg := msg.(type) {
	case *jsonrpc.Response:
		msg.ID = responseID(msg.ID)
		id, ok := rawID(msg.ID)
		if !ok {
			m.greeting(msg)
			return m.takeProbe(msg)
		}
		m.mu.Lock()
		x := m.pending[id]
		delete(m.pending, id)
		m.mu.Unlock()
		if x != nil {
			x.answer <- msg
		}
		return true
	case *jsonrpc.Request:
		if msg.Method != "notifications/progress" {
			return false
		}
		id, ok := progressToken(msg.Params)
		if !ok {
			return false
		}
		m.mu.Lock()
		x := m.pending[id]
		m.mu.Unlock()
		if x != nil {
			x.progress(msg.Params)
		}
		return true
	}
	return false
}

// fail ends all exchanges without an answer. Only the first error counts.
func (m *mux) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return
	}
	m.broken = err
	if m.child != nil {
		select {
		case <-m.child.Exited():
			m.died = true
		default:
		}
	}
	close(m.ended)
	if m.probing.timer != nil {
		m.probing.timer.Stop()
	}
	for _, x := range m.pending {
		close(x.answer)
	}
	m.pending = nil
}

// send writes the request on the shared connection.
func (m *mux) send(ctx context.Context, r rawRequest) (json.RawMessage, error) {
	x, err := m.begin(r.progress)
	if err != nil {
		return nil, err
	}
	defer m.end(x)
	written := m.request(ctx, x.id, r)
	for ctx.Err() == nil {
		select {
		case err := <-written:
			if err != nil && ctx.Err() == nil {
				return nil, m.writeError(err)
			}
			written = nil
		case a, ok := <-x.answer:
			switch {
			case !ok:
				return nil, m.interrupted(nil)
			case a.Error != nil:
				return nil, a.Error
			}
			return a.Result, nil
		case <-ctx.Done():
		}
	}
	m.cancel(ctx, x.id)
	return nil, ctx.Err()
}

// request writes the request, as a line of its own bytes where lines are written.
// It returns the outcome where that can be an answer, and else waits for it.
func (m *mux) request(ctx context.Context, id string, r rawRequest) <-chan error {
	written := make(chan error, 1)
	if lines, ok := m.Connection.(*lineConn); ok {
		written <- m.written(ctx, lines.writeLine(ctx, r.line(id)))
		return written
	}
	m.wg.Go(func() { // ends with ctx or the connection
		sent, err := requestID(id)
		if err == nil {
			err = m.write(ctx, &jsonrpc.Request{ID: sent, Method: r.method, Params: r.params(id)})
		}
		written <- err
	})
	return written
}

// cancelWrite bounds the notice of a cancellation, which nobody waits for.
const cancelWrite = 5 * time.Second

// cancel tells the upstream that nobody waits for the answer.
func (m *mux) cancel(ctx context.Context, id string) {
	params, _ := json.Marshal(map[string]any{"requestId": json.Number(id), "reason": "the caller gave up"})
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelWrite)
	go func() { // ends with the write or its time
		defer stop()
		m.Connection.Write(ctx, &jsonrpc.Request{Method: "notifications/cancelled", Params: params})
	}()
}

// writeError says whether a request whose write failed may have been read.
func (m *mux) writeError(err error) error {
	if errors.Is(err, ErrNotSent) || isA[*DialError](err) {
		return errors.Join(ErrNotSent, err)
	}
	if isA[*StatusError](err) || isA[*RedirectError](err) || isA[*jsonrpc.Error](err) {
		return err
	}
	return m.interrupted(err)
}

// interrupted names the reason why an exchange ended without an answer.
func (m *mux) interrupted(err error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		err = m.broken
	}
	return &InterruptedError{Err: err}
}
