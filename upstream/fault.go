package upstream

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/sony/gobreaker/v2"
)

// BreakerConfig says when an upstream is left alone for a while. Zero values
// mean the defaults.
type BreakerConfig struct {
	FailThreshold int      `json:"fail_threshold,omitempty"` // consecutive faults that open it; 3
	Cooldown      Duration `json:"cooldown,omitempty"`       // before one call may try again; 60s, Never turns the breaker off
}

// A BreakerState is a word for whether a circuit breaker lets calls through.
type BreakerState string

const (
	Closed   BreakerState = "closed"    // all calls
	Open     BreakerState = "open"      // none
	HalfOpen BreakerState = "half-open" // one call, whose outcome decides
)

// A Breaker is a snapshot of an upstream's circuit breaker.
type Breaker struct {
	State   BreakerState
	RetryIn time.Duration // while open: until one call may try again
}

// A breaker lets calls through until consecutive faults of the transport open
// it. After the cooldown one call at a time may try. A nil breaker is always
// closed.
type breaker struct {
	gate     *gobreaker.TwoStepCircuitBreaker[struct{}]
	cooldown time.Duration
	opened   atomic.Pointer[time.Time]
}

// errNoVerdict is reported of a call that says nothing about the upstream.
var errNoVerdict = errors.New("no verdict")

func newBreaker(cfg BreakerConfig) *breaker {
	if cfg.FailThreshold <= 0 {
		cfg.FailThreshold = 3
	}
	switch {
	case cfg.Cooldown == 0:
		cfg.Cooldown = Duration(60 * time.Second)
	case cfg.Cooldown < 0:
		return nil
	}
	b := &breaker{cooldown: time.Duration(cfg.Cooldown)}
	b.gate = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:     b.cooldown,
		ReadyToTrip: func(c gobreaker.Counts) bool { return int(c.ConsecutiveFailures) >= cfg.FailThreshold },
		IsExcluded:  func(err error) bool { return err == errNoVerdict },
		OnStateChange: func(_ string, _, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				now := time.Now()
				b.opened.Store(&now)
			}
		},
	})
	return b
}

// allow asks for one call, whose verdict must be reported. ok is false while
// the breaker is open, or half open with another call in progress.
func (b *breaker) allow() (report func(verdict error), ok bool) {
	if b == nil {
		return func(error) {}, true
	}
	report, err := b.gate.Allow()
	return report, err == nil
}

var stateWords = map[gobreaker.State]BreakerState{
	gobreaker.StateClosed: Closed, gobreaker.StateOpen: Open, gobreaker.StateHalfOpen: HalfOpen,
}

func (b *breaker) state() Breaker {
	if b == nil {
		return Breaker{State: Closed}
	}
	s := Breaker{State: stateWords[b.gate.State()]}
	if opened := b.opened.Load(); opened != nil && s.State == Open {
		s.RetryIn = max(0, time.Until(opened.Add(b.cooldown)))
	}
	return s
}

// isFault reports whether err is the transport's, not the tool's, the caller's
// or the proxy's. A connection found dead is no fault: what counts is whether
// another can be made.
func isFault(err error) bool {
	if s, ok := errors.AsType[*StatusError](err); ok {
		return s.Code >= 500
	}
	return !errors.Is(err, errEnded) && (isA[*InterruptedError](err) || isA[*StartError](err))
}

// verdict says what the outcome of a call means for the breaker: nil, a fault
// or errNoVerdict.
func verdict(err error) error {
	switch {
	case err == nil:
		return nil
	case isFault(err):
		return err
	case isA[*jsonrpc.Error](err), isA[*InputRequiredError](err):
		return nil // it answered
	}
	return errNoVerdict
}

// A onceFlag makes an error that many callers meet count once.
type onceFlag struct{ set atomic.Bool }

// first sets the flag, and reports whether it was not set before.
func (f *onceFlag) first() bool { return f.set.CompareAndSwap(false, true) }

// Bounds of the backoff after a failed start.
const (
	minBackoff = time.Second
	maxBackoff = time.Minute
)

// backoff returns how long to wait after a number of failed starts in a row, of
// which err was the last. An upstream can ask for more, up to the bound.
func backoff(failed int, err error) time.Duration {
	d := minBackoff << min(failed-1, 10)
	if status, ok := errors.AsType[*StatusError](err); ok {
		d = max(d, status.RetryAfter)
	}
	return min(d, maxBackoff)
}
