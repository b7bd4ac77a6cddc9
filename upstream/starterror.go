package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy/upstream/httpfail"
)

// startError describes a failed handshake and closes its connection.
func (u *Upstream) startError(ctx context.Context, c *connection, err error) error {
	rpc, _ := errors.AsType[*jsonrpc.Error](err)
	if rpc != nil && rpc.Code == codeRejected {
		rpc, err = nil, notAnAnswer(err)
	}
	if c.child == nil {
		err = httpfail.Plain(err)
	}
	e := &StartError{Stage: StageHandshake, Err: err, At: time.Now()}
	// What the SDK wraps around the fact is left out.
	if dial, ok := errors.AsType[*DialError](err); ok {
		e.Stage, e.Err = StageDial, dial
	} else if origin, ok := errors.AsType[*OriginError](err); ok {
		e.Err = origin
	} else if moved, ok := errors.AsType[*RedirectError](err); ok {
		e.Err = moved
	} else if large, ok := errors.AsType[*SizeError](err); ok {
		e.Err = large
	} else if bad, ok := errors.AsType[*MalformedError](err); ok {
		e.Err = bad
	} else if rpc != nil {
		e.Err = rpc
	} else if c.child != nil && (errors.Is(err, io.EOF) || errors.Is(err, mcp.ErrConnectionClosed)) {
		e.Err, e.FirstLine = errNoAnswer, u.firstLine()
		if !c.mux.diedFirst() {
			e.Err = errStdoutClosed
		}
	}
	if a := c.answer(); a.large != nil {
		e.Err = a.large
	} else if a.failed != nil {
		e.Err = a.failed
	} else if a.malformed != nil {
		e.Err = a.malformed
	} else if a.refusal != nil {
		e.Err = a.refusal.with(err)
	} else if a.result != nil && a.method == `"initialize"` {
		e.Err = badAnswer(a.result)
	} else if status, ok := errors.AsType[*StatusError](err); ok {
		e.Err = status
	} else if isA[*json.UnmarshalTypeError](err) {
		e.Err = errBadAnswer
	}
	if c.child != nil && u.ctx.Err() == nil {
		e.Outcome = c.outcome()
	}
	if cause := context.Cause(ctx); cause != nil {
		e.Err, e.FirstLine = cause, u.firstLine()
	}
	c.close()
	return e
}

// hearStderr returns what is called with each line that the child writes to
// stderr. It is nil where nobody listens, since each is redacted first, which
// takes a while and a child may write much.
func (u *Upstream) hearStderr() func(line string) {
	if u.opts.Stderr == nil && !u.opts.Log.Enabled(u.ctx, slog.LevelDebug) {
		return nil
	}
	return func(line string) {
		u.opts.Log.Debug("stderr", "server", u.name, "line", line)
		if u.opts.Stderr != nil {
			u.opts.Stderr(line)
		}
	}
}

// startingStderr returns what the child of the attempt in progress has said
// last, if there is one.
func (u *Upstream) startingStderr() string {
	u.mu.Lock()
	p := u.st.starting
	u.mu.Unlock()
	if p == nil {
		return ""
	}
	return p.Stderr()
}

// Bounds of what is kept and logged of a child's lines that are no messages.
const (
	maxStrayLines = 5   // lines
	maxStrayLen   = 500 // bytes of one line, when it has been redacted

	maxRawStray = 4096 // bytes of one line before
)

func (u *Upstream) strayLine(line []byte) {
	text := u.opts.Redact(string(line[:min(len(line), maxRawStray)]))
	text = strings.ToValidUTF8(text[:min(len(text), maxStrayLen)], "")
	u.mu.Lock()
	u.st.strayLines = append(u.st.strayLines, text)[:min(len(u.st.strayLines)+1, maxStrayLines)]
	known := len(u.st.strayLines) == maxStrayLines
	u.mu.Unlock()
	if !known {
		u.opts.Log.Warn("not a JSON-RPC message on stdout", "server", u.name, "line", text)
	}
}

// firstLine returns the first line of the child that was no message, if any.
func (u *Upstream) firstLine() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.st.strayLines) == 0 {
		return ""
	}
	return u.st.strayLines[0]
}
