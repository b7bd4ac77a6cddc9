// Package auth knows how to be allowed: discovery, client registration, the
// login flows, the vault in which credentials live, and their refresh.
//
// An [Authority] does all of it for one process. [Authority.Handler] is what
// an upstream connection asks for tokens; it is silent and never starts a
// login. [Authority.Begin] starts one when a person or a model asks for it, and
// [Authority.Complete] finishes it with the URL that the person landed on.
// A [vault.Vault] holds the credentials, shared with every other process.
package auth
