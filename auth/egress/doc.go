// Package egress bounds who is contacted in the name of one server.
//
// An [Allowlist] says which hosts those are: the server's own, and those that
// the person listed. [Transports.Client] makes an HTTP client that keeps to
// it, whatever URL metadata or a redirect names. A name that only a wildcard
// lists must lead to a public address, which is checked when it is dialled,
// after the name was resolved; see address.go for what counts as public.
//
// Invariants: nothing is sent before its host has been checked; every hop of
// a redirect is checked like a first request; every URL is https, or http on
// a loopback address ([CheckURL]).
//
// The package starts no goroutine and holds no lock. Start reading at
// [Allowlist.Check].
package egress
