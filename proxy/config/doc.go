// Package config reads the configuration: which servers there are, how each is
// reached, and what a project may add once the person trusts it.
//
// [Load] reads both layers into a [Config], which is immutable. A [Server] is
// one entry as written; [Server.Resolve] substitutes its placeholders and fills
// in what it leaves open. Each setting is declared by the package that obeys it
// and embedded here.
//
// Invariants: a slip harms the entry or the setting that it is in and nothing
// else, and is told with its file and line. Nothing of a project's file but
// valid server names is used or shown until [Trust] recorded exactly its path
// and contents. No [Problem] quotes a value, which may be a secret.
//
// Nothing here starts a goroutine. The only lock is that of the file that
// records trust, which several processes write. Start reading at [Load], then
// the decoder, then the checker.
package config
