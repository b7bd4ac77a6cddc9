package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/proxy/config"
	"mcpproxy/proxy/host"
	"mcpproxy/proxy/mcptool"
	"mcpproxy/proxy/results"
	"mcpproxy/upstream"
	"mcpproxy/upstream/raw"
)

// leaveWithin bounds how long calls may take to end when the host has left.
const leaveWithin = 100 * time.Millisecond

// Serve speaks MCP with a host until the host closes in, which is a clean
// end, or until parent ends, which cancels what is running. It closes in and
// out. The tool and the instructions stay the same for the whole session.
func (s *Session) Serve(parent context.Context, in io.ReadCloser, out io.WriteCloser) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	v := s.View(ctx)
	self := &mcp.Implementation{Name: "proxy", Title: "MCP proxy", Version: s.proxy.opts.Version}
	server := mcp.NewServer(self, &mcp.ServerOptions{
		Instructions: v.instructions(),
		Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}},
		Logger:       slog.New(quiet{s.proxy.opts.Log.Handler()}),
	})
	h := &responder{session: s, ctx: ctx, conn: host.NewConn(in, out), self: self}
	defer h.conn.Close()
	// The handler is never reached: the middleware answers every call that does not
	// go past the SDK's session.
	server.AddTool(v.definition(), nil)
	server.AddReceivingMiddleware(h.receive)
	h.conn.Answer(ctx, mcptool.Name, h.take)

	s.start(func() { s.proxy.results.Sweep(s.ctx) })
	session, err := server.Connect(ctx, h.conn, nil)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { h.conn.Close() })()
	done := make(chan error, 1)
	go func() {
		err := session.Wait()
		h.conn.WaitCalls()
		done <- err
	}()
	select {
	case err = <-done:
	case <-h.conn.Ended():
		err = leave(done)
	case <-ctx.Done():
		err = leave(done)
	}
	if cause := context.Cause(parent); cause != nil {
		return cause
	}
	return err
}

// leave waits for a session of which all that still runs is cancelled. Only a
// host that does not read can hold it up, and may not hold us.
func leave(done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-time.After(leaveWithin):
		return nil
	}
}

// definition returns the one tool.
func (v *View) definition() *mcp.Tool {
	var servers []string
	for _, s := range v.shown() {
		servers = append(servers, s.Name)
	}
	return mcptool.Definition(servers)
}

// instructions returns what a host tells its model about the proxy.
func (v *View) instructions() string {
	infos := v.catalog().Infos()
	var servers []mcptool.About
	for _, s := range v.shown() {
		servers = append(servers, mcptool.About{Server: s.Name, Summary: summary(s, infos)})
	}
	return mcptool.Instructions(servers)
}

// shown returns the servers that a model is told of before it asks.
func (v *View) shown() []*config.Server {
	return slices.DeleteFunc(slices.Clone(v.config.Servers), func(s *config.Server) bool {
		return s.Untrusted || s.Problem == nil && s.Entry.Disabled
	})
}

// A responder answers the requests of a session's host.
type responder struct {
	session *Session
	ctx     context.Context // of the connection
	conn    *host.Conn
	self    *mcp.Implementation
}

// receive answers calls of the one tool, past the SDK's typed results.
func (h *responder) receive(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		call, ok := req.(*mcp.CallToolRequest)
		if !ok || call.Params.Name != mcptool.Name {
			return next(ctx, method, req)
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(h.ctx, cancel)()
		return h.complete(h.handle(ctx, request{arguments: call.Params.Arguments, meta: call.Params.Meta, sdk: call}), call.Params.Meta), nil
	}
}

// take returns what answers a call past the SDK's session, nil if that must see it.
func (h *responder) take(call host.Call) func(context.Context) mcp.Result {
	plain, ok := mcptool.ReadPlain(call.Arguments)
	if !ok {
		return nil
	}
	return func(ctx context.Context) mcp.Result {
		return h.complete(h.handle(ctx, request{plain: &plain, meta: call.Meta}), call.Meta)
	}
}

// complete adds to an answer of our own what MCP 2026-07-28 asks for. The SDK, past
// which some go, leaves out a part of it.
func (h *responder) complete(result mcp.Result, meta mcp.Meta) mcp.Result {
	own, ok := result.(*mcp.CallToolResult)
	if !ok || !isStateless(meta) {
		return result
	}
	dressed, err := h.dress(raw.Encode(own), meta, nil)
	if err != nil {
		return result
	}
	return h.conn.Result(dressed)
}

// A request is one of the model, as the host sent it.
type request struct {
	arguments json.RawMessage
	plain     *mcptool.Plain // in place of arguments, if it was read already
	meta      mcp.Meta
	sdk       *mcp.CallToolRequest // nil if it went past the SDK's session
}

func (r request) parse(d mcptool.Directory) (mcptool.Request, error) {
	if r.plain != nil {
		return r.plain.Request(d)
	}
	return mcptool.Parse(r.arguments, d)
}

// handle answers one request of the model, on one view. If a reload replaces
// the server before anything was sent to it, the request begins anew on the
// newest view, filters and schemas included.
func (h *responder) handle(ctx context.Context, req request) mcp.Result {
	for {
		v := h.session.View(ctx)
		r, err := req.parse(directory{v})
		var result mcp.Result
		if err == nil {
			result, err = h.answer(ctx, v, &r, req)
		}
		switch {
		case err == nil:
			return result
		case errors.Is(err, upstream.ErrClosed) && ctx.Err() == nil && !h.session.ended():
		default:
			return v.fail(v.placed(r), err, r.Notes)
		}
	}
}

// answer does what a request asks for. It adds to the request's notes.
func (h *responder) answer(ctx context.Context, v *View, r *mcptool.Request, req request) (mcp.Result, error) {
	switch r.Action {
	case mcptool.Call:
		return h.call(ctx, v, r, req.meta)
	case mcptool.Login:
		return h.login(ctx, v, r, req.sdk)
	}
	answer, err := v.answer(ctx, *r)
	if err != nil {
		return nil, err
	}
	return text(answer, r.Notes), nil
}

// placed returns the server of a request, which is nil for all servers.
func (v *View) placed(r mcptool.Request) *config.Server {
	if r.Index < 0 {
		return nil
	}
	return v.config.Servers[r.Index]
}

// answer does what is neither a call nor a login.
func (v *View) answer(ctx context.Context, r mcptool.Request) (string, error) {
	var a any
	var err error
	switch s := v.placed(r); r.Action {
	case mcptool.ListServers:
		a = v.answerListServers()
	case mcptool.ListTools:
		a, err = v.answerListTools(ctx, s, r.Cursor)
	case mcptool.SearchTools:
		a, err = v.answerSearchTools(ctx, s, r)
	case mcptool.DescribeTool:
		d, err := v.describe(ctx, s, r.Tool, r.Found)
		return string(d.json()), err
	case mcptool.ReadResult:
		a, err = v.session.proxy.results.Read(ctx, results.Query{ID: r.ResultID, Offset: r.Offset, Limit: r.Limit, Grep: r.Grep, Select: r.Select})
	case mcptool.Status:
		a = v.answerStatus(s)
	case mcptool.CompleteLogin:
		err = v.CompleteLogin(ctx, s, r.RedirectURL)
		a = struct {
			OK     bool   `json:"ok"`
			Server string `json:"server"`
		}{true, r.Server}
	default:
		return mcptool.HelpText, nil
	}
	return string(raw.Encode(a)), err
}

// call relays a call and its progress.
func (h *responder) call(ctx context.Context, v *View, r *mcptool.Request, meta mcp.Meta) (mcp.Result, error) {
	call := CallRequest{Tool: r.Tool, Arguments: r.Arguments, found: r.Found}
	if token := meta["progressToken"]; token != nil {
		progress := h.conn.Progress(token)
		defer progress.Close()
		call.Progress = progress.Add
	}
	result, err := v.Call(ctx, v.placed(*r), call)
	r.Notes = append(r.Notes, result.Notes...)
	if err != nil {
		return nil, err
	}
	fitted := h.session.proxy.results.Fit(ctx, result.JSON, result.limit, nextPart)
	if result.unstructured && !isStateless(meta) {
		fitted = results.WithoutStructure(fitted)
		r.Notes = append(r.Notes, "structured content that is no object was left out")
	}
	dressed, err := h.dress(fitted, meta, r.Notes)
	if err != nil {
		return nil, &ServerError{Server: r.Server, Err: err}
	}
	return h.conn.Result(dressed), nil
}

// isStateless reports whether a request is of a protocol version without a
// handshake.
func isStateless(meta mcp.Meta) bool {
	version, _ := meta[mcp.MetaKeyProtocolVersion].(string)
	return version >= host.Stateless
}

// dress adds to a result what its way to the host demands, and nothing else.
func (h *responder) dress(object json.RawMessage, meta mcp.Meta, notes []string) (json.RawMessage, error) {
	object, err := raw.OneLine(object)
	if err != nil {
		return nil, err
	}
	add := map[string]string{}
	if len(notes) > 0 {
		add[noteKey] = raw.Quote(strings.Join(notes, "; "))
	}
	if isStateless(meta) {
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

// quiet drops what the SDK logs below an error, which helps nobody who reads
// our log.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelError && q.Handler.Enabled(ctx, l)
}
