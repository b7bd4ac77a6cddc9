// Package vault keeps credentials and pending logins, in the operating
// system's keyring or, where the user asks for it, in a file.
//
// A [Vault] is shared with every process of the user that has the same state
// folder. It keeps a [Record] under the [Key] of its server, and a [Pending]
// beside it while a login is not finished. The [Index] tells what is there
// without the secrets, so that a status never asks the keyring.
//
// Files: vault.go is the vault and error.go its errors. A store is the keyring
// (keyring.go, its platforms, and keyring_split.go for values over the limit
// of a platform) or a file (filestore.go). index.go is the index, pending.go
// the unfinished logins; record.go and lifetime.go are the credential.
//
// Goroutines: one per call to the keyring, one call at a time. A call that
// waits for a person to unlock the keyring cannot be ended and is left behind.
//
// Locks between processes, in the order in which they are taken: that of a
// credential ([Vault.Lock]), the write lock of the store, that of the index.
// The mutexes in [Vault] and in the index guard memory only.
//
// Invariants: a record never prints, logs or marshals its secrets; a change is
// durable when its call returns; a generation is given out once; an absent
// credential ([ErrNoCredential]) is never confused with a vault that cannot be
// asked ([Error]); the index may be lost, and the store makes it whole again.
//
// Start reading at [Vault.Get] and [Vault.Put].
package vault
