package host

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/upstream/raw"
)

// A Call is what a tools/call request says of a call, as the host wrote it.
type Call struct {
	Arguments json.RawMessage // an object
	Meta      map[string]any  // its _meta; nil if there is none
}

// A direct answers the calls of one tool past the SDK's session, which decodes
// each of their bytes several times.
//
// It owns the ctx of all calls and the goroutines that answer them. Those stay for
// the next calls, because the stack of a new one has to grow first.
type direct struct {
	tool   string // its name as it is written, with its quotes
	take   func(Call) func(context.Context) mcp.Result
	ctx    context.Context
	cancel context.CancelFunc
	calls  sync.WaitGroup
	next   chan *directCall // for a goroutine that has none
	idle   atomic.Int32     // goroutines that have none
}

// maxIdle bounds the goroutines that wait for a call.
const maxIdle = 64

// Answer lets the calls of a tool be answered by what take returns for them, each in a
// goroutine, and those for which it returns nil by the SDK's session. So are those of
// a batch, and those before the handshake is over or, where there is none, before the
// session has taken a request that says the same of its protocol. It is called before
// Connect. The ctx of the calls is a child of ctx and ends with the input too.
func (c *Conn) Answer(ctx context.Context, tool string, take func(Call) func(context.Context) mcp.Result) {
	d := &direct{tool: raw.Quote(tool), take: take, next: make(chan *directCall)}
	d.ctx, d.cancel = context.WithCancel(ctx)
	c.direct = d
}

// WaitCalls returns when no call is being answered past the SDK's session.
func (c *Conn) WaitCalls() {
	if c.direct != nil {
		c.direct.calls.Wait()
	}
}

// A directCall is a call on its way past the SDK's session.
type directCall struct {
	answer  func(context.Context) mcp.Result
	id      jsonrpc.ID
	written []byte // the id as the host wrote it
	request *request
	ctx     context.Context
	cancel  context.CancelFunc
}

const initialized = "notifications/initialized"

// directCall returns the call that a message is, or nil if it goes to the SDK's
// session, as all that is written in an unusual way does. The message is valid JSON.
func (c *Conn) directCall(message []byte) *directCall {
	if c.direct == nil {
		return nil
	}
	var envelope [4][]byte
	if !raw.PlainMembers(message, envelope[:], `"jsonrpc"`, `"id"`, `"method"`, `"params"`) || string(envelope[0]) != `"2.0"` || string(envelope[2]) != `"tools/call"` || raw.DeeperThan(message, maxLevels) {
		return nil
	}
	id, ok := plainID(envelope[1])
	if !ok || c.isOpen(id) {
		return nil
	}
	var params [3][]byte
	if !raw.PlainMembers(envelope[3], params[:], `"name"`, `"arguments"`, `"_meta"`) || string(params[0]) != c.direct.tool || !raw.IsObject(params[1]) {
		return nil
	}
	if said, ok := protocolMeta(params[2]); !ok || !c.isAccepted(said) {
		return nil
	}
	said := Call{Arguments: params[1]}
	if params[2] != nil && json.Unmarshal(params[2], &said.Meta) != nil {
		return nil
	}
	call := &directCall{answer: c.direct.take(said), id: id, written: envelope[1]}
	if call.answer == nil {
		return nil
	}
	call.ctx, call.cancel = context.WithCancel(c.direct.ctx)
	return call
}

// protocolMeta returns the members of a request's _meta that are the protocol's own,
// as they are written: where there is no handshake, they say what one would (MCP
// 2026-07-28, basic, per-request metadata). It reports false if they could be written
// in another way.
func protocolMeta(meta []byte) (said []byte, ok bool) {
	for key, at := range raw.Members(meta) {
		if bytes.IndexByte(key, '\\') >= 0 {
			return nil, false
		}
		if bytes.HasPrefix(key, []byte(`"io.modelcontextprotocol/`)) {
			said = append(append(append(said, key...), ':'), at.In(meta)...)
		}
	}
	return said, true
}

// Stateless is the first protocol version without a handshake. From it on each request
// says what the handshake would, and each result its type and who made it (MCP
// 2026-07-28, basic).
const Stateless = "2026-07-28"

// maxSaid bounds what is remembered of a _meta, in bytes.
const maxSaid = 4 << 10

// acceptable returns what the params of a request say in place of a handshake, or "".
// The SDK's session refuses a request that says less than it must.
func acceptable(params []byte) string {
	meta := raw.Member(params, "_meta")
	version := raw.Member(meta, "io.modelcontextprotocol/protocolVersion")
	if len(version) != len(Stateless)+2 || string(version) < `"`+Stateless {
		return ""
	}
	said, ok := protocolMeta(meta)
	if !ok || len(said) > maxSaid {
		return ""
	}
	return string(said)
}

// isAccepted reports whether the SDK's session would take a request that says this in
// its _meta: the handshake is over on both sides, or it has taken one that said the
// same in place of one.
func (c *Conn) isAccepted(said []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(said) == 0 {
		return c.begun && c.greeted
	}
	return c.accepted == string(said)
}

// plainID reads an id that looks the same when it is written again: a whole number
// that a double holds exactly, or a string of letters, digits and the like.
func plainID(written []byte) (jsonrpc.ID, bool) {
	s := string(written)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && strconv.FormatInt(n, 10) == s && -maxExact < n && n < maxExact {
		id, err := jsonrpc.MakeID(float64(n))
		return id, err == nil
	}
	if len(s) < 3 || s[0] != '"' || strings.ContainsFunc(s[1:len(s)-1], func(r rune) bool { return r < ' ' || r > '~' || r == '\\' }) {
		return jsonrpc.ID{}, false
	}
	id, err := jsonrpc.MakeID(s[1 : len(s)-1])
	return id, err == nil
}

func (c *Conn) isOpen(id jsonrpc.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	req := c.open[id]
	return req != nil && (req.cancel == nil || !req.cancelled)
}

// run answers a call that was admitted, in another goroutine.
func (c *Conn) run(call *directCall) {
	c.direct.calls.Add(1)
	select {
	case c.direct.next <- call:
	default:
		go c.answerCalls(call)
	}
}

// answerCalls answers a call and then others, until the input ends or there are
// enough goroutines that do.
func (c *Conn) answerCalls(call *directCall) {
	d := c.direct
	for {
		c.respond(call, call.answer(call.ctx))
		call.cancel()
		d.calls.Done()
		if d.idle.Add(1) > maxIdle {
			d.idle.Add(-1)
			return
		}
		select {
		case call = <-d.next:
			d.idle.Add(-1)
		case <-d.ctx.Done():
			return
		}
	}
}

// respond sends the response to a call.
func (c *Conn) respond(call *directCall, result mcp.Result) {
	var body []byte
	if r, ok := result.(*relayed); ok {
		body = r.raw
	} else {
		body, _ = json.Marshal(result) // always has an encoding, as texts have
	}
	head := append(append([]byte(`{"jsonrpc":"2.0","id":`), call.written...), `,"result":`...)
	c.mu.Lock()
	if c.open[call.id] == call.request { // else another request has that id by now
		if c.closeRequest(call.id); !call.request.cancelled {
			c.answer(nil, call.id, [][]byte{head, body, []byte("}")})
		}
	}
	c.mu.Unlock()
	c.writeHere()
}
