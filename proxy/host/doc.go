// Package host speaks with the host, the program that started the proxy: one
// JSON-RPC message a line over two streams (MCP 2025-11-25, basic/transports,
// stdio).
//
// The main type is [Conn], a transport of the SDK's session. A line that is no
// message is answered and does not end the session, results leave as the bytes
// that an upstream sent ([Conn.Result]), and progress keeps members that the
// SDK's types do not hold ([Conn.Progress]).
//
// A Conn has one goroutine, which reads lines until the input ends; each
// Progress has one, which writes until it is closed. Two locks, never held
// together: one for the bookkeeping, and one that is held while a line is
// written. Start reading at [Conn.Read] and [Conn.Write].
package host
