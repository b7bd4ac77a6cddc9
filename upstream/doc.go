// Package upstream reaches the servers behind the proxy: child processes and
// HTTP services (MCP 2025-11-25, basic/transports). Everybody else reaches them
// through one verb, [Upstream.With].
//
// An [Upstream] owns the connection to one server, its breaker and its backoff.
// It connects when it is first needed, and closes what is idle. A [Pool] owns
// what upstreams share: the bounds on starts at once and on connections, and
// the guard of their children. A [Session] is the SDK's session for what is
// rare, beside which lists and calls travel as raw bytes: through a mux on a
// stream of messages, through a capture of the response over HTTP.
//
// Goroutines: one owns each connection from the handshake to its end
// (Upstream.live), and [Upstream.Close] waits for it. One more waits for the
// session's end, one for the answer to a ping, and on a stream one reads
// messages (mux.pump) and one waits for the child's end (mux.watch); all end
// with the connection. A write to a child has its own, which ends when the child
// reads or the connection is closed.
//
// Locks: Upstream.mu guards the state, Pool.mu the slots, mux.mu the exchanges,
// capture.mu one answer, connAuth.mu one token. None is held over I/O, a
// callback or another of them.
//
// Bounds: one message is at most 64 MiB after decompression, what is no answer
// to a call 4 MiB, a list 16 MiB in all; large ones are read into memory of
// their bound at once, never copied from size to size. Of an upstream's own
// requests and notifications the SDK's session decodes at most 32 KiB, and it
// answers 64 requests at once on a stream, 16 over HTTP. Over HTTP everything
// that is no call has a time, and ends with its connection.
//
// What always holds: a request that may have run is never repeated, unless its
// tool is read-only or idempotent; a caller's ctx ends its wait and its call,
// never the connection; a result is the bytes that the upstream wrote; headers
// and tokens go to the configured origin alone.
//
// Below it, child runs process groups and raw cuts JSON; both import nothing of
// the proxy.
//
// Start reading at [Upstream.With] in upstream.go, then Upstream.live in
// lifetime.go and Upstream.handshake in connect.go.
package upstream
