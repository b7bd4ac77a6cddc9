package upstream

import (
	"context"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// A deafConn is a connection to an upstream that reads nothing until it listens.
type deafConn struct {
	says    chan jsonrpc.Message
	listens chan struct{}
}

func (c *deafConn) Read(ctx context.Context) (jsonrpc.Message, error) {
	select {
	case msg := <-c.says:
		return msg, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *deafConn) Write(ctx context.Context, _ jsonrpc.Message) error {
	select {
	case <-c.listens:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *deafConn) Close() error      { return nil }
func (c *deafConn) SessionID() string { return "" }

// An upstream that does not read can have but some requests answered, and still
// answers ours.
func TestRequestsInAnswerAreBounded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := &deafConn{says: make(chan jsonrpc.Message), listens: make(chan struct{})}
	m := newMux(ctx, c, nil)
	defer m.wait()
	defer cancel()
	x, err := m.begin(nil)
	if err != nil {
		t.Fatal(err)
	}
	ping := func(n int) *jsonrpc.Request {
		id, _ := jsonrpc.MakeID(float64(n))
		return &jsonrpc.Request{ID: id, Method: "ping"}
	}
	go func() { // ends with the session's reads below
		for i := range 2 * maxAsked {
			c.says <- ping(i)
		}
		id, _ := requestID(x.id)
		c.says <- &jsonrpc.Response{ID: id}
		c.says <- &jsonrpc.Request{Method: "notifications/cancelled"}
	}()
	var writes sync.WaitGroup
	read := func() *jsonrpc.Request {
		msg, err := m.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		r := msg.(*jsonrpc.Request)
		if r.IsCall() {
			writes.Go(func() { m.Write(ctx, &jsonrpc.Response{ID: r.ID}) })
		}
		return r
	}
	got := 0
	for r := read(); r.Method != "notifications/cancelled"; r = read() {
		got++
	}
	if got != maxAsked {
		t.Errorf("the session got %d requests, want %d", got, maxAsked)
	}
	if _, ok := <-x.answer; !ok {
		t.Error("no answer to our own request")
	}
	close(c.listens)
	writes.Wait()
	go func() { c.says <- ping(0) }() // ends when it is read
	if r := read(); r.ID != ping(0).ID {
		t.Errorf("once it reads, the session gets %v", r.ID)
	}
	writes.Wait()
	// The SDK's session answers no request whose id is in use.
	if !m.takes(ping(0)) || m.takes(ping(0)) {
		t.Error("the session gets two requests of one id at once")
	}
}
