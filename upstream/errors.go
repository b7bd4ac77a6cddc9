package upstream

import (
	"errors"
	"fmt"
	"time"

	"mcpproxy/upstream/child"
)

var (
	errNoAnswer     = errors.New("it ended without an answer")
	errStdoutClosed = errors.New("it closed its stdout without an answer")
	errEnded        = errors.New("the connection was closed")
	errNegative     = errors.New("negative duration")
)

// A Stage is a step on the way to an answer, at which something failed.
type Stage string

// The stages, as a [StartError] and a [State] name them.
const (
	StageSpawn     Stage = "spawn"     // the child process could not be started
	StageDial      Stage = "dial"      // no HTTP connection was made
	StageHandshake Stage = "handshake" // initialize or server/discover failed
	StageList      Stage = "list"      // tools/list failed
	StageCall      Stage = "call"      // tools/call failed
	StageIdle      Stage = "idle"      // the child died between two calls
)

// A StartError says why an upstream could not be connected. What the child
// said is redacted.
type StartError struct {
	Stage         Stage // StageSpawn, StageDial or StageHandshake
	child.Outcome       // zero without a child
	// FirstLine is the first line on the child's stdout that was no JSON-RPC
	// message, if there was no answer.
	FirstLine string
	Err       error
	At        time.Time
	Retry     time.Time // no new attempt before this but by [Upstream.Connect]
}

func (e *StartError) Error() string {
	if e.ExitStatus != "" {
		return fmt.Sprintf("%s: %v (%s)", e.Stage, e.Err, e.ExitStatus)
	}
	return fmt.Sprintf("%s: %v", e.Stage, e.Err)
}

func (e *StartError) Unwrap() error { return e.Err }

// A StartingError says that a caller's wait ended before the start did, which
// goes on.
type StartingError struct {
	Waited    time.Duration
	FirstLine string // as in a [StartError]
	Stderr    string // what the child has said last, redacted
}

func (e *StartingError) Error() string {
	return fmt.Sprintf("still starting after %v", e.Waited.Round(time.Second))
}

// A CoolingDownError says that the breaker is open.
type CoolingDownError struct {
	Until time.Time
	Last  error // the fault that opened it
}

func (e *CoolingDownError) Error() string { return "too many faults in a row" }
func (e *CoolingDownError) Unwrap() error { return e.Last }

// A TimeoutError says that a call or a list was given up and that the upstream
// was told so. Whether the tool ran is not known.
type TimeoutError struct {
	After time.Duration
	Idle  bool  // without progress for After; otherwise After bounds the whole call
	Stage Stage // StageList if no tool was called; empty for a start
}

func (e *TimeoutError) Error() string {
	if e.Idle {
		return fmt.Sprintf("no answer and no progress for %v", e.After)
	}
	return fmt.Sprintf("no answer within %v", e.After)
}

// An InterruptedError says that the connection broke after the request may
// have been sent: the tool may have run. What the child said is redacted.
type InterruptedError struct {
	child.Outcome       // zero without a child
	Stage         Stage // StageList if no tool was called
	Err           error
}

func (e *InterruptedError) Error() string { return fmt.Sprintf("connection lost: %v", e.Err) }
func (e *InterruptedError) Unwrap() error { return e.Err }

// setStage notes in err what was asked.
func setStage(err error, stage Stage) {
	if i, ok := errors.AsType[*InterruptedError](err); ok {
		i.Stage = stage
	}
	if t, ok := errors.AsType[*TimeoutError](err); ok {
		t.Stage = stage
	}
}

// ErrNotSent says that a request never left, because the connection had died
// before, so that nothing ran.
var ErrNotSent = errors.New("not sent")

// ErrClosed says that the upstream was closed for good.
var ErrClosed = errors.New("upstream closed")

// isA reports whether there is a T in err's chain.
func isA[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// An InputRequiredError says that the upstream answered a call by asking for
// input that is not relayed (MCP 2026-07-28, multi round-trip requests).
type InputRequiredError struct{ Methods []string }

func (e *InputRequiredError) Error() string {
	return fmt.Sprintf("the upstream asks for input: %v", e.Methods)
}
