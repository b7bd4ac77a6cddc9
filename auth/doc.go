// Package auth obtains, keeps and refreshes the credentials of upstreams:
// discovery, client registration, the login flows and the refresh.
//
// An [Authority] does all of it for one process. [Authority.Handler] supplies
// an upstream connection with tokens; it never starts a login.
// [Authority.Begin] starts one, and [Authority.Complete] finishes it with the
// URL that the person landed on. Credentials live in auth/vault, auth/egress
// limits who is contacted, and auth/authtest is the server for tests.
//
// Files: begin.go starts a login, login.go is its life, callback.go and
// device.go receive its answer, exchange.go turns that into a credential.
// discovery.go finds the endpoints, metadata.go reads the documents with them,
// deadend.go says which entry does without them, and client.go finds the
// client. handler.go and refresh.go serve the connections; refusal.go judges a
// failed refresh. http.go sends every request; target.go binds a credential to
// the server that it was issued for.
//
// Goroutines: one per pending login, with a listener or a poller, and one per
// refresh call. [Authority.Close] ends them and waits for them.
//
// Locks: the lock of a credential, between processes, comes before those of
// the vault. The mutex of the Authority guards only memory and is never held
// during a request or a call of the vault.
//
// Invariants: a refresh locks, reads again, refreshes, saves, unlocks; from
// the token request to the save nothing is cancelled; a refresh token is sent
// by one process at a time; a refresh token in an answer is saved before the
// rest of the answer is judged, and the old one is not sent again after a
// successful answer or a refusal unless a person asks; a token is sent only to
// the server that it was issued for; a failure never overwrites a success.
//
// Start reading at [Authority.Begin] for a login and at
// [Handler.TokenSource] for a request.
package auth
