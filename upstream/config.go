package upstream

import (
	"cmp"
	"time"

	"mcpproxy/upstream/child"
)

// The transports by which an upstream is reached.
const (
	Stdio = "stdio"
	HTTP  = "http" // Streamable HTTP
	SSE   = "sse"  // HTTP with SSE, the transport of 2024-11-05
)

// Config says how to reach one upstream, with placeholders substituted.
type Config struct {
	Type string `json:"type,omitempty"` // Stdio, HTTP or SSE
	// Guessed says that HTTP was not written: it may be SSE.
	Guessed bool `json:"-"`

	child.Config // for Stdio

	// For HTTP and SSE.
	URL     string            `json:"url,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`

	Limits
}

// Limits bound one upstream in time. In an entry of the configuration file a
// zero value means the file's default. [New] wants them filled in, see
// [Limits.Or].
type Limits struct {
	WaitTimeout  Duration `json:"wait_timeout,omitempty"`  // how long a caller waits for a start
	StartTimeout Duration `json:"start_timeout,omitempty"` // how long a start may take
	CallTimeout  Duration `json:"call_timeout,omitempty"`  // without an answer or progress
	MaxCallTime  Duration `json:"max_call_time,omitempty"` // with progress
	IdleTTL      Duration `json:"idle_ttl,omitempty"`      // connected without calls; Never keeps it
}

// DefaultLimits hold where neither the server nor the file says otherwise.
var DefaultLimits = Limits{
	WaitTimeout:  Duration(30 * time.Second),
	StartTimeout: Duration(5 * time.Minute),
	CallTimeout:  Duration(60 * time.Second),
	MaxCallTime:  Duration(10 * time.Minute),
	IdleTTL:      Duration(10 * time.Minute),
}

// Or returns l with each zero value taken from d.
func (l Limits) Or(d Limits) Limits {
	return Limits{
		WaitTimeout:  cmp.Or(l.WaitTimeout, d.WaitTimeout),
		StartTimeout: cmp.Or(l.StartTimeout, d.StartTimeout),
		CallTimeout:  cmp.Or(l.CallTimeout, d.CallTimeout),
		MaxCallTime:  cmp.Or(l.MaxCallTime, d.MaxCallTime),
		IdleTTL:      cmp.Or(l.IdleTTL, d.IdleTTL),
	}
}

// A Duration is a time span written as Go writes one ("90s", "10m"). "0" means
// that there is no limit and is not the same as an absent value.
type Duration time.Duration

// Never is the value of a duration written as "0".
const Never Duration = -1

// UnmarshalText reads a duration. It refuses negative ones.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	switch {
	case err != nil:
		return err
	case v < 0:
		return errNegative
	case v == 0:
		*d = Never
	default:
		*d = Duration(v)
	}
	return nil
}

// MarshalText writes the duration as Go writes it, Never as "0".
func (d Duration) MarshalText() ([]byte, error) {
	if d == Never {
		return []byte("0"), nil
	}
	return []byte(time.Duration(d).String()), nil
}
