package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// idPrefix begins the request ids and progress tokens of raw requests. The
// SDK's session numbers its own, so the two share one connection.
const idPrefix = "raw-"

// A mux lets raw requests travel on the connection of an SDK session: their
// responses and progress notifications are taken out of the stream before the
// session sees it.
type mux struct {
	mcp.Connection

	mu      sync.Mutex
	pending map[string]*exchange // by request id
	next    int
	broken  error // set once: no request is accepted after it
}

// An exchange is one raw request on its way.
type exchange struct {
	id       string
	answer   chan *jsonrpc.Response // buffered by one; closed without an answer if the connection broke
	progress func(params json.RawMessage)
}

// errNotSent says that a request never left: it can be sent again elsewhere.
var errNotSent = errors.New("not sent")

// begin makes room for a response. The caller must end the exchange.
func (m *mux) begin(progress func(json.RawMessage)) (*exchange, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return nil, errors.Join(errNotSent, m.broken)
	}
	m.next++
	x := &exchange{id: idPrefix + strconv.Itoa(m.next), answer: make(chan *jsonrpc.Response, 1), progress: progress}
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
	for {
		msg, err := m.Connection.Read(ctx)
		if err != nil {
			m.fail(err)
			return nil, err
		}
		if !m.take(msg) {
			return msg, nil
		}
	}
}

// take reports whether msg belongs to a raw request, and delivers it.
func (m *mux) take(msg jsonrpc.Message) bool {
	switch msg := msg.(type) {
	case *jsonrpc.Response:
		id, ok := msg.ID.Raw().(string)
		if !ok || !strings.HasPrefix(id, idPrefix) {
			return false
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

// progressToken returns the token of a progress notification for a raw request.
func progressToken(params json.RawMessage) (string, bool) {
	var p struct {
		Token any `json:"progressToken"`
	}
	if json.Unmarshal(params, &p) != nil {
		return "", false
	}
	id, ok := p.Token.(string)
	return id, ok && strings.HasPrefix(id, idPrefix)
}

// fail ends all exchanges without an answer. Only the first error counts.
func (m *mux) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return
	}
	m.broken = err
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
	id, err := jsonrpc.MakeID(x.id)
	if err != nil {
		return nil, err
	}
	err = m.Connection.Write(ctx, &jsonrpc.Request{ID: id, Method: r.method, Params: r.params(x.id)})
	if err != nil && ctx.Err() == nil {
		return nil, m.lost(err)
	}
	if err == nil {
		select {
		case a, ok := <-x.answer:
			switch {
			case !ok:
				return nil, m.lost(nil)
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

// cancelWrite bounds the notice of a cancellation, which nobody waits for.
const cancelWrite = 5 * time.Second

// cancel tells the upstream that nobody waits for the answer any more.
func (m *mux) cancel(ctx context.Context, id string) {
	params, _ := json.Marshal(map[string]string{"requestId": id, "reason": "the caller gave up"})
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelWrite)
	go func() { // ends with the write or its time
		defer stop()
		m.Connection.Write(ctx, &jsonrpc.Request{Method: "notifications/cancelled", Params: params})
	}()
}

// lost names the reason why an exchange ended without an answer.
func (m *mux) lost(err error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		err = m.broken
	}
	return &InterruptedError{Err: err}
}
