// Package raw cuts JSON into spans of bytes without decoding it, so that what
// passes the proxy keeps every member, digit and space it came with. Messages,
// results and requests are read with it; the schema checker of the catalogue,
// which may not import it, reads values with catalog/rawjson.
//
// It owns no state, starts nothing and blocks on nothing but the writer of
// [Unescape]; all functions are safe for concurrent use.
//
// Start with [Members], which every other function on objects is made of. A
// [Span] is a place in the text that was given, and is cut out with [Span.In].
// [Splice] and [SpliceMeta] put members in, [OneLine] makes a text fit for a
// line of its own, and [Unescape] writes the text of a string.
//
// What the functions return is right for valid JSON (RFC 8259). Other texts
// never make them panic or read too far, unless a function names what it
// needs; nothing else is promised for them. No function changes its input,
// and results may share its memory.
package raw
