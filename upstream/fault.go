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

// A Breaker is a snapshot of an upstream's circuit breaker.
type Breaker struct {
	State   string        // "closed", "open" or "half-open"
	RetryIn time.Duration // while open: until one call may try again
}

// A breaker lets calls through until consecutive faults of the transport open
// it; after the cooldown one call at a time may try. The nil breaker is always
// closed.
type breaker struct {
	gate     *gobreaker.TwoStepCircuitBreaker[struct{}]
	cooldown time.Duration
	opened   atomic.Pointer[time.Time]
}

// errNoVerdict is what the gate is told of a call that says nothing about the
// upstream.
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

// allow asks for one call, whose verdict must be told. ok is false while the
// breaker is open, or half open with a probe under way.
func (b *breaker) allow() (tell func(verdict error), ok bool) {
	if b == nil {
		return func(error) {}, true
	}
	tell, err := b.gate.Allow()
	return tell, err == nil
}

func (b *breaker) state() Breaker {
	if b == nil {
		return Breaker{State: gobreaker.StateClosed.String()}
	}
	s := Breaker{State: b.gate.State().String()}
	if opened := b.opened.Load(); opened != nil && s.State == gobreaker.StateOpen.String() {
		s.RetryIn = max(0, time.Until(opened.Add(b.cooldown)))
	}
	return s
}

// isFault reports whether err is the transport's, rather than the tool's, the
// caller's or ours. A connection found dead is none: what counts is whether
// another can be made.
func isFault(err error) bool {
	if s := (*StatusError)(nil); errors.As(err, &s) {
		return s.Code >= 500
	}
	return !errors.Is(err, errEnded) && (errors.As(err, new(*InterruptedError)) || errors.As(err, new(*StartError)))
}

// verdict says what the outcome of a call means for the breaker: nil, a fault
// or errNoVerdict.
func verdict(err error) error {
	switch {
	case err == nil:
		return nil
	case isFault(err):
		return err
	case errors.As(err, new(*jsonrpc.Error)), errors.As(err, new(*InputRequiredError)):
		return nil // it answered
	}
	return errNoVerdict
}

// Bounds of the pause after a failed start.
const (
	minPause = time.Second
	maxPause = time.Minute
)

// pause returns how long to wait after so many failed starts in a row.
func pause(failed int) time.Duration {
	return min(minPause<<min(failed-1, 10), maxPause)
}
