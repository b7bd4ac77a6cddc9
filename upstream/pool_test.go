package upstream

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func TestIdleConnectionsAreClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newInMemory(t, Config{Limits: Limits{IdleTTL: Duration(time.Minute), CallTimeout: Never}}, Options{})
		f.echo(t.Context())
		time.Sleep(59 * time.Second)
		f.echo(t.Context())
		time.Sleep(59 * time.Second)
		if s := f.State(); s.Status != Connected {
			t.Errorf("after 59s: %+v", s)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		f.With(ctx, func(ctx context.Context, s *Session) error {
			_, err := s.Call(ctx, Call{Tool: "hang"})
			if got := f.State().Status; got != Connected {
				t.Errorf("after a long call: %s", got)
			}
			return err
		})
		time.Sleep(61 * time.Second)
		if s := f.State(); s.Status != Idle || s.Last != nil {
			t.Errorf("after 61s: %+v", s)
		}
		if err := f.echo(t.Context()); err != nil || f.starts.Load() != 2 {
			t.Errorf("the next call: %v, %d starts", err, f.starts.Load())
		}
	})
}

// A user of the upstream who prevents an eviction and leaves without a call does
// not keep the connection for ever.
func TestIdleConnectionIsClosedAtASecondTry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newInMemory(t, Config{Limits: Limits{IdleTTL: Duration(time.Minute)}}, Options{})
		f.echo(t.Context())
		if err := f.enter(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(61 * time.Second)
		f.leave()
		if s := f.State(); s.Status != Connected {
			t.Errorf("closed under a caller: %+v", s)
		}
		time.Sleep(61 * time.Second)
		if s := f.State(); s.Status != Idle {
			t.Errorf("never closed: %+v", s)
		}
	})
}

func TestPoolClosesTheLeastRecentlyUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := NewPool(2)
		defer pool.Close()
		a, b, c := newInMemory(t, Config{}, Options{Pool: pool}), newInMemory(t, Config{}, Options{Pool: pool}), newInMemory(t, Config{}, Options{Pool: pool})
		use := func(fs ...*inMemory) {
			for _, f := range fs {
				if err := f.echo(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
			}
		}
		check := func(when string, want ...Status) {
			t.Helper()
			synctest.Wait()
			for i, f := range []*inMemory{a, b, c} {
				if got := f.State().Status; got != want[i] {
					t.Errorf("%s: upstream %d is %s, want %s", when, i, got, want[i])
				}
			}
		}
		use(a, b, a, c)
		check("b was used least recently", Connected, Idle, Connected)

		during := func(f *inMemory, then func()) func() {
			return func() {
				f.With(t.Context(), func(context.Context, *Session) error { then(); return nil })
			}
		}
		during(a, during(c, during(b, func() { check("all are busy", Connected, Connected, Connected) })))()
		check("room was made when a call ended", Connected, Idle, Connected)
	})
}

func TestSlowStartsDoNotHoldUpOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := NewPool(0)
		defer pool.Close()
		ctx, cancel := context.WithCancel(t.Context())
		for range maxStarts {
			slow := newInMemory(t, Config{}, Options{Pool: pool})
			slow.dial = func(c *connection) (mcp.Transport, error) { return muxed{silence{}, c}, nil }
			go slow.echo(ctx)
		}
		synctest.Wait()
		began := time.Now()
		if err := newInMemory(t, Config{}, Options{Pool: pool}).echo(t.Context()); err != nil {
			t.Error(err)
		}
		if waited := time.Since(began); waited > startTurn {
			t.Errorf("waited %v", waited)
		}
		cancel()
	})
}

// silence is a transport whose connection is never made.
type silence struct{}

func (silence) Connect(ctx context.Context) (mcp.Connection, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
