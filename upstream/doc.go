// Package upstream knows how to reach who does the work: child processes and
// HTTP services, their connection state, and the one verb through which
// everybody else reaches them, [Upstream.With].
//
// An [Upstream] connects when it is first needed and is left alone otherwise.
// Each connection belongs to one goroutine, from the handshake to its end;
// callers borrow it. What a caller does is never made twice unless it cannot
// have run or may be repeated. A [Pool] holds what upstreams share: how many
// start and how many are connected at once, and a guard that ends the children
// if this process is killed.
//
// The SDK's session does what is rare, raw requests travel beside it: through a
// mux on a stream of messages, through a capture of the response over HTTP.
package upstream
