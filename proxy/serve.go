package proxy

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/proxy/host"
	"mcpproxy/proxy/mcptool"
	"mcpproxy/proxy/results"
	"mcpproxy/upstream/raw"
)

// statelessEra is the first protocol version without a handshake; from it on
// each result says its type and who made it (MCP 2026-07-28, basic).
const statelessEra = "2026-07-28"

// leaveWithin bounds how long calls may take to end when the host has left.
const leaveWithin = time.Second

// Serve speaks MCP with a host until the host closes in, which is a clean
// end, or until parent ends, which cancels what is running. It closes in and
// out. The tool and the instructions stay the same for the whole session.
func (p *Proxy) Serve(parent context.Context, in io.ReadCloser, out io.WriteCloser) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	self := &mcp.Implementation{Name: "proxy", Title: "MCP proxy", Version: p.opts.Version}
	server := mcp.NewServer(self, &mcp.ServerOptions{
		Instructions: p.instructions(),
		Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}},
		Logger:       slog.New(quiet{p.opts.Log.Handler()}),
	})
	h := &session{proxy: p, ctx: ctx, conn: host.NewConn(in, out), self: self}
	// The handler is never reached: the middleware answers every call.
	server.AddTool(p.definition(), nil)
	server.AddReceivingMiddleware(h.receive)

	p.watch(func() { p.results.Sweep(p.ctx) })
	session, err := server.Connect(ctx, h.conn, nil)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { h.conn.Close() })()
	done := make(chan error, 1)
	go func() { done <- session.Wait() }()
	select {
	case err = <-done:
	case <-h.conn.Ended():
		// What still runs is cancelled by now. Only a host that does not read
		// can hold it up, and may not hold us.
		select {
		case err = <-done:
		case <-time.After(leaveWithin):
		}
	}
	if cause := context.Cause(parent); cause != nil {
		return cause
	}
	return err
}

// A session is the program that started us, for one session.
type session struct {
	proxy *Proxy
	ctx   context.Context // of the session
	conn  *host.Conn
	self  *mcp.Implementation
}

// receive answers calls of the one tool, past the SDK's typed results.
func (h *session) receive(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		call, ok := req.(*mcp.CallToolRequest)
		if !ok || call.Params.Name != mcptool.Name {
			return next(ctx, method, req)
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(h.ctx, cancel)()
		return h.handle(ctx, call), nil
	}
}

// handle answers one request of the model.
func (h *session) handle(ctx context.Context, req *mcp.CallToolRequest) mcp.Result {
	h.proxy.reload()
	r, err := mcptool.Parse(req.Params.Arguments, directory{h.proxy, h.proxy.config()})
	if err != nil {
		return h.proxy.fail(err, r.Notes)
	}
	switch r.Action {
	case mcptool.Call:
		return h.call(ctx, r, req.Params.Meta)
	case mcptool.Login:
		return h.login(ctx, r, req)
	}
	answer, err := h.proxy.answer(ctx, r)
	if err != nil {
		return h.proxy.fail(err, r.Notes)
	}
	return text(answer, r.Notes)
}

// answer does what is not a call.
func (p *Proxy) answer(ctx context.Context, r mcptool.Request) (string, error) {
	var v any
	var err error
	switch r.Action {
	case mcptool.ListServers:
		v = p.ListServers()
	case mcptool.ListTools:
		v, err = p.ListTools(ctx, r.Server, r.Cursor)
	case mcptool.SearchTools:
		v, err = p.SearchTools(ctx, r.Query, r.Server, r.Limit)
	case mcptool.DescribeTool:
		d, err := p.DescribeTool(ctx, r.Server, r.Tool)
		return string(d.JSON()), err
	case mcptool.ReadResult:
		v, err = p.results.Read(ctx, results.Query{ID: r.ResultID, Offset: r.Offset, Limit: r.Limit, Grep: r.Grep, Select: r.Select})
	case mcptool.Status:
		v, err = p.Status(r.Server)
	case mcptool.CompleteLogin:
		done, err := p.complete(ctx, r)
		return string(done), err
	default:
		return mcptool.HelpText, nil
	}
	return string(raw.Encode(v)), err
}

// call relays a call and its progress.
func (h *session) call(ctx context.Context, r mcptool.Request, meta mcp.Meta) mcp.Result {
	call := CallRequest{Server: r.Server, Tool: r.Tool, Arguments: r.Arguments}
	if token := meta["progressToken"]; token != nil {
		progress := h.conn.Progress(token)
		defer progress.Close()
		call.Progress = progress.Add
	}
	result, err := h.proxy.Call(ctx, call)
	notes := append(r.Notes, result.Notes...)
	if err != nil {
		return h.proxy.fail(err, notes)
	}
	raw, err := h.dress(h.proxy.results.Fit(ctx, result.JSON, result.limit, nextPart), meta, notes)
	if err != nil {
		return h.proxy.fail(&ServerError{Server: r.Server, Err: err}, notes)
	}
	return h.conn.Result(raw)
}

// dress adds to a result what its way to the host demands, and nothing else.
func (h *session) dress(object json.RawMessage, meta mcp.Meta, notes []string) (json.RawMessage, error) {
	object, err := raw.OneLine(object)
	if err != nil {
		return nil, err
	}
	add := map[string]string{}
	if len(notes) > 0 {
		add[noteKey] = raw.Quote(strings.Join(notes, "; "))
	}
	if version, _ := meta[mcp.MetaKeyProtocolVersion].(string); version >= statelessEra {
		add[mcp.MetaKeyServerInfo] = string(raw.Encode(h.self))
		if at, _ := raw.Find(object, "resultType"); at < 0 {
			object = raw.Splice(object, `"resultType":"complete"`)
		}
	}
	if len(add) == 0 {
		return object, nil
	}
	return raw.SpliceMeta(object, add), nil
}

// quiet passes on the SDK's errors alone: what it tells besides is of no use
// to whoever reads our log.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelError && q.Handler.Enabled(ctx, l)
}
