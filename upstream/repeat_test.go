package upstream

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func TestDeadConnectionIsNotNoticed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newInMemory(t, Config{}, Options{})
		if err := f.echo(t.Context()); err != nil {
			t.Fatal(err)
		}
		(<-f.conns).mux.Close()
		if err := f.echo(t.Context()); err != nil || f.starts.Load() != 2 {
			t.Errorf("%v, %d starts", err, f.starts.Load())
		}
		if s := f.State(); s.Last != nil {
			t.Errorf("state %+v", s)
		}
	})
}

func TestRepeatableCallIsMadeTwice(t *testing.T) {
	t.Parallel()
	for _, repeatable := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := newInMemory(t, Config{}, Options{})
			if err := f.echo(t.Context()); err != nil {
				t.Fatal(err)
			}
			runs, repeated := 0, false
			err := f.With(t.Context(), func(ctx context.Context, s *Session) error {
				runs++
				if runs == 1 {
					time.AfterFunc(time.Second, func() { (<-f.conns).mux.Close() })
					_, err := s.Call(ctx, Call{Tool: "hang", Repeatable: repeatable})
					return err
				}
				repeated = s.Repeated()
				_, err := s.Call(ctx, Call{Tool: "echo", Arguments: json.RawMessage(`{"text":"x"}`), Repeatable: repeatable})
				return err
			})
			if repeatable && (err != nil || runs != 2 || !repeated) {
				t.Errorf("repeatable: %v after %d runs, repeated %v", err, runs, repeated)
			}
			if !repeatable && (!isA[*InterruptedError](err) || runs != 1) {
				t.Errorf("not repeatable: %v after %d runs", err, runs)
			}
		})
	}
}

func TestStuckUpstreamIsReplaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newInMemory(t, Config{Limits: Limits{CallTimeout: Duration(time.Minute)}}, Options{})
		stuck := make(chan struct{})
		f.wrap = func(tr mcp.Transport) mcp.Transport {
			if f.starts.Load() == 1 {
				return stuckAfter{tr, stuck}
			}
			return tr
		}
		if err := f.echo(t.Context()); err != nil {
			t.Fatal(err)
		}
		close(stuck)
		if err := f.echo(t.Context()); !isA[*TimeoutError](err) {
			t.Errorf("error %v", err)
		}
		time.Sleep(pingWait + time.Second)
		if err := f.echo(t.Context()); err != nil || f.starts.Load() != 2 {
			t.Errorf("the next call: %v, %d starts", err, f.starts.Load())
		}
	})
}

// A stuckAfter transport drops what is written after stuck is closed.
type stuckAfter struct {
	mcp.Transport
	stuck <-chan struct{}
}

func (t stuckAfter) Connect(ctx context.Context) (mcp.Connection, error) {
	conn, err := t.Transport.Connect(ctx)
	return stuckConn{conn, t.stuck}, err
}

type stuckConn struct {
	mcp.Connection
	stuck <-chan struct{}
}

func (c stuckConn) Write(ctx context.Context, msg jsonrpc.Message) error {
	select {
	case <-c.stuck:
		return nil
	default:
		return c.Connection.Write(ctx, msg)
	}
}
