// Package host speaks with the host, the program that started the proxy: one
// JSON-RPC message a line over two streams (MCP 2025-11-25, basic/transports,
// stdio).
//
// It owns the two streams, the requests without a response, the batches that
// are not complete, and all that is not written yet. The main type is [Conn], a
// transport for the SDK's server. A [Progress] relays the progress of one call.
// Plain calls of the one tool, which are nearly all that a host sends, go past
// the SDK's session, see [Conn.Answer].
//
// Goroutines: a Conn has two, which nobody waits for: one reads lines until the
// input ends, one writes the lines of the outbox until Close. Each call that goes
// past the SDK's session has one, which [Conn.WaitCalls] waits for.
//
// Locks: Conn.mu guards the requests, the batches, the results, the outbox and
// what each Progress has there. It is never held over I/O.
//
// What always holds: a line that is no message is answered and does not end
// the session; a result leaves as the bytes that an upstream sent, and progress
// with all its members, but for bytes that are not UTF-8; a cancelled request gets
// no response, unless it came in a batch; a batch gets one line; nothing but the
// writing goroutine, and a call that is over, waits until the host has read; and
// what it has not read is bounded, in bytes and in requests.
//
// Start reading at [Conn.Read] and [Conn.Write] in conn.go.
package host
