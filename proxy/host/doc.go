// Package host speaks with the host, the program that started the proxy: one
// JSON-RPC message a line over two streams (MCP 2025-11-25, basic/transports,
// stdio).
//
// It owns the two streams, the requests without a response, the batches that
// are not complete, and the results that are not written yet. The main type is
// [Conn], a transport for the SDK's server. A [Progress] relays the progress of
// one call.
//
// Goroutines: a Conn has two, which nobody waits for: one reads lines until the
// input ends, one writes the refusals of what is no message until Close. Each Progress has one, which [Progress.Close] waits for.
//
// Locks: Conn.mu guards the requests, the batches, the results and the refusals
// and is never held over I/O. Conn.writing keeps lines apart and is held while
// some are written, hence a channel that Close ends the wait for; mu may be taken
// under it, never the other way.
//
// What always holds: a line that is no message is answered and does not end
// the session; a result leaves as the bytes that an upstream sent, and progress
// with all its members, but for bytes that are not UTF-8; a cancelled request gets
// no response, unless it came in a batch; a batch gets one line; neither an
// upstream's progress nor Read waits until the host has read.
//
// Start reading at [Conn.Read] and [Conn.Write] in conn.go.
package host
