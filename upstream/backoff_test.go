package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func TestFailedStartsBackOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newInMemory(t, Config{}, Options{Breaker: BreakerConfig{FailThreshold: 1000}})
		f.fail(errDown)
		for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			err := f.echo(t.Context())
			e, ok := errors.AsType[*StartError](err)
			if !ok || !errors.Is(err, errDown) {
				t.Fatalf("start %d: %v", i, err)
			}
			if got := time.Until(e.Retry); got != want*time.Second {
				t.Errorf("backoff %d is %v, want %v", i, got, want*time.Second)
			}
			n := f.starts.Load()
			if err := f.echo(t.Context()); !errors.Is(err, e) || f.starts.Load() != n {
				t.Errorf("in the backoff: %v after %d more starts", err, f.starts.Load()-n)
			}
			if s := f.State(); s.Status != Failed || !s.Retry.Equal(e.Retry) || s.At.IsZero() {
				t.Errorf("state %+v", s)
			}
			time.Sleep(time.Until(e.Retry))
		}
		f.heal()
		if err := f.echo(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := f.State(); s.Status != Connected || s.Last != nil || !s.Retry.IsZero() {
			t.Errorf("state after recovery %+v", s)
		}
	})
}

// A server that asks for it is left alone for longer, but not for long.
func TestStartsBackOffAsTheServerAsks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for asked, want := range map[time.Duration]time.Duration{0: minBackoff, 30 * time.Second: 30 * time.Second, time.Hour: maxBackoff} {
			f := newInMemory(t, Config{}, Options{})
			f.fail(&StatusError{Code: http.StatusServiceUnavailable, RetryAfter: asked})
			e, ok := errors.AsType[*StartError](f.echo(t.Context()))
			if !ok || time.Until(e.Retry) != want {
				t.Errorf("asked for %v: retry in %v, want %v", asked, time.Until(e.Retry), want)
			}
		}
	})
}

// So is one that asks for it in its answers, as far as it is told.
func TestBreakerTellsWhatTheServerAsks(t *testing.T) {
	t.Parallel()
	f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, m message) bool {
		if m.Method == "tools/call" {
			w.Header().Set("Retry-After", "90")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return m.Method == "tools/call"
	})
	u := newTest(t, httpConfig(f.URL))
	for range 3 {
		call(t, u, Call{Tool: "odd"})
	}
	_, err := call(t, u, Call{Tool: "odd"})
	cooling, ok := errors.AsType[*CoolingDownError](err)
	if !ok || time.Until(cooling.Until) < 61*time.Second || u.State().Breaker.RetryIn < 61*time.Second {
		t.Errorf("%v until %v", err, cooling)
	}
}

// A call that never left must not look like one that may have run, whatever
// else goes wrong in the backoff.
func TestBackoffAnswersWithTheFailedStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newInMemory(t, Config{}, Options{})
		if err := f.echo(t.Context()); err != nil {
			t.Fatal(err)
		}
		old := <-f.conns
		interrupted := make(chan error)
		go func() {
			interrupted <- f.With(t.Context(), func(ctx context.Context, s *Session) error {
				_, err := s.Call(ctx, Call{Tool: "hang"})
				return err
			})
		}()
		synctest.Wait()
		f.mu.Lock()
		f.retire(old)
		f.mu.Unlock()
		f.fail(errDown)
		if err := f.echo(t.Context()); !isA[*StartError](err) {
			t.Fatalf("start: %v", err)
		}
		old.mux.fail(errDown)
		if err := <-interrupted; !isA[*InterruptedError](err) {
			t.Fatalf("the call on the old connection: %v", err)
		}
		if err := f.echo(t.Context()); !isA[*StartError](err) || f.starts.Load() != 2 {
			t.Errorf("in the backoff: %v after %d starts", err, f.starts.Load())
		}
	})
}

func TestConnectSkipsTheBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newInMemory(t, Config{}, Options{Breaker: BreakerConfig{FailThreshold: 1}})
		f.fail(errDown)
		f.echo(t.Context())
		if s := f.State(); s.Status != CoolingDown {
			t.Fatalf("state %+v", s)
		}
		if err := f.Connect(t.Context()); !errors.Is(err, errDown) || f.starts.Load() != 2 {
			t.Errorf("%v after %d starts", err, f.starts.Load())
		}
		f.heal()
		if err := f.Connect(t.Context()); err != nil {
			t.Error(err)
		}
		if err := f.echo(t.Context()); err != nil {
			t.Errorf("the next call: %v", err)
		}
	})
}

func TestMissingLoginIsNoFault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newInMemory(t, Config{}, Options{NotFault: func(err error) bool { return errors.Is(err, errLogin) }})
		f.fail(errLogin)
		for i := range int32(5) {
			if err := f.echo(t.Context()); !errors.Is(err, errLogin) || f.starts.Load() != i+1 {
				t.Fatalf("call %d: %v after %d starts", i, err, f.starts.Load())
			}
		}
		if s := f.State(); s.Breaker.State != "closed" || !s.Retry.IsZero() {
			t.Errorf("state %+v", s)
		}
	})
}

func TestResetTriesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newInMemory(t, Config{}, Options{Breaker: BreakerConfig{FailThreshold: 1}})
		f.fail(errDown)
		f.echo(t.Context())
		f.heal()
		f.Reset()
		if err := f.echo(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newInMemory(t, Config{}, Options{Breaker: BreakerConfig{FailThreshold: 3, Cooldown: Duration(30 * time.Second)}})
		f.fail(errDown)
		for range 3 {
			f.echo(t.Context())
			time.Sleep(10 * time.Second) // longer than each backoff
		}
		err := f.echo(t.Context())
		e, ok := errors.AsType[*CoolingDownError](err)
		if !ok || !errors.Is(err, errDown) {
			t.Fatalf("after three faults: %v", err)
		}
		if got := time.Until(e.Until); got != 20*time.Second {
			t.Errorf("retry in %v, want 20s", got)
		}
		if s := f.State(); s.Status != CoolingDown || s.Breaker.State != "open" || s.Breaker.RetryIn != 20*time.Second {
			t.Errorf("state %+v", s)
		}
		time.Sleep(20*time.Second + 1)
		n := f.starts.Load()
		if err := f.echo(t.Context()); !errors.Is(err, errDown) || f.starts.Load() != n+1 {
			t.Errorf("the probe: %v after %d starts", err, f.starts.Load()-n)
		}
		if err := f.echo(t.Context()); !isA[*CoolingDownError](err) {
			t.Errorf("after a failed probe: %v", err)
		}
		time.Sleep(30*time.Second + 1)
		f.heal()
		if err := f.echo(t.Context()); err != nil {
			t.Errorf("the second probe: %v", err)
		}
		if s := f.State(); s.Breaker.State != "closed" || s.Status != Connected {
			t.Errorf("state %+v", s)
		}
	})
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newInMemory(t, Config{Limits: Limits{CallTimeout: Duration(time.Second)}}, Options{Breaker: BreakerConfig{FailThreshold: 1}})
		do := func(tool string, wait time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			defer cancel()
			return f.With(ctx, func(ctx context.Context, s *Session) error {
				_, err := s.Call(ctx, Call{Tool: tool})
				return err
			})
		}
		do("no-such-tool", time.Minute)
		do("fails", time.Minute)
		do("hang", time.Millisecond) // the caller gives up
		do("hang", time.Minute)      // the idle timeout
		if s := f.State(); s.Breaker.State != "closed" || s.Status != Connected {
			t.Errorf("what is no fault counted: %+v", s)
		}
	})
}

func TestDeathUnderManyCallsIsOneFault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newInMemory(t, Config{}, Options{Breaker: BreakerConfig{FailThreshold: 2}})
		if err := f.echo(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := <-f.conns
		errs := make(chan error)
		for range 10 {
			go func() {
				errs <- f.With(t.Context(), func(ctx context.Context, s *Session) error {
					_, err := s.Call(ctx, Call{Tool: "hang"})
					return err
				})
			}()
		}
		synctest.Wait()
		c.mux.Close()
		for range 10 {
			if err := <-errs; !isA[*InterruptedError](err) {
				t.Errorf("error %v", err)
			}
		}
		if s := f.State(); s.Breaker.State != "closed" {
			t.Errorf("state %+v", s)
		}
	})
}

func TestCallerIsToldThatTheStartGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newInMemory(t, Config{Limits: Limits{WaitTimeout: Duration(30 * time.Second)}}, Options{})
		dial := f.dial
		f.dial = func(c *connection) (mcp.Transport, error) {
			time.Sleep(2 * time.Minute)
			return dial(c)
		}
		if err := f.echo(t.Context()); !isA[*StartingError](err) {
			t.Errorf("error %v", err)
		}
		if s := f.State(); s.Status != Connecting {
			t.Errorf("state %+v", s)
		}
		time.Sleep(2 * time.Minute)
		if err := f.echo(t.Context()); err != nil || f.starts.Load() != 1 {
			t.Errorf("the next call: %v, %d starts", err, f.starts.Load())
		}
	})
}

func TestDrainLetsCallsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newInMemory(t, Config{}, Options{})
		inside, goOn := make(chan struct{}), make(chan struct{})
		result := make(chan error, 1)
		go func() {
			result <- f.With(t.Context(), func(ctx context.Context, s *Session) error {
				close(inside)
				<-goOn
				_, err := s.Call(ctx, Call{Tool: "echo", Arguments: json.RawMessage(`{"text":"x"}`)})
				return err
			})
		}()
		<-inside
		drained := make(chan struct{})
		go func() {
			f.Drain(t.Context())
			close(drained)
		}()
		synctest.Wait()
		if err := f.echo(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("a new call: %v", err)
		}
		close(goOn)
		if err := <-result; err != nil {
			t.Errorf("the running call: %v", err)
		}
		<-drained
	})
}
