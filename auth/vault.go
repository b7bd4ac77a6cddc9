package auth

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// The stores a [Vault] can keep its secrets in.
const (
	StoreKeyring = "keyring" // the operating system's, the default
	StoreFile    = "file"    // a 0600 file, only where the user asks for it
)

// ErrNoCredential says that the vault holds nothing under a key, as against a
// vault that cannot be asked, which is a [VaultError].
var ErrNoCredential = errors.New("no credential")

// The reasons of a [VaultError].
const (
	Unavailable = "unavailable" // there is no keyring, or it refused; or the file cannot be read or written
	Locked      = "locked"      // the keyring waits to be unlocked by the person
	Timeout     = "timeout"     // no answer in time; an unlock prompt may be open
	TooBig      = "too big"     // the credential exceeds what a vault takes
	Damaged     = "damaged"     // something is there and cannot be read
)

// A VaultError says that the vault could not do its work. It never means that
// a credential is absent, which is [ErrNoCredential].
type VaultError struct {
	Op     string // "get", "put", "delete", "lock" or "index"
	Store  string // StoreKeyring or StoreFile
	Reason string // one of the constants above
	File   string // the file concerned, if there is one
	Err    error
}

// Error states the fact, without any secret.
func (e *VaultError) Error() string {
	s := e.Store + " " + e.Reason
	if e.File != "" {
		s += " (" + e.File + ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *VaultError) Unwrap() error { return e.Err }

// VaultOptions say where a vault keeps what. StateDir is required.
type VaultOptions struct {
	StateDir string // absolute; the vault uses its own folder in it, made 0700
	Store    string // StoreKeyring (default) or StoreFile
	Service  string // the keyring's service name, "proxy" by default

	// Timeout bounds each call to the keyring, which may hang on an unlock
	// prompt for ever; 5 s by default. One who told the person that a prompt
	// may appear should give more, about a minute.
	Timeout time.Duration

	Log *slog.Logger // nil discards
}

// A Vault keeps credentials and pending logins, shared with all other
// processes of the user. Its methods may be called concurrently.
type Vault struct {
}

// OpenVault returns a vault. Nothing is touched on disk or in the keyring
// before the first use.
func OpenVault(o VaultOptions) *Vault { return &Vault{} }

// Get returns the credential kept under key (see [CredentialKey]), or
// [ErrNoCredential], or a [*VaultError].
//
// The answer comes from memory while the index says that no process has
// changed the credential, so that one start prompts at most once. Before
// a refresh, under [Vault.Lock], use [Vault.Reload].
func (v *Vault) Get(ctx context.Context, key string) (Record, error) {
	return Record{}, ErrNoCredential
}

// Reload is Get past the memory: it asks the store.
func (v *Vault) Reload(ctx context.Context, key string) (Record, error) {
	return Record{}, ErrNoCredential
}

// Put stores r under key and returns when it is durable. It sets the
// generation, and the lock file if r names none, and returns the record as
// stored. On an error the former record is still there, whole; a keyring call
// that timed out may yet take effect.
func (v *Vault) Put(ctx context.Context, key string, r Record) (Record, error) {
	return r, nil
}

// Delete removes the credential and its entry in the index; nothing there is
// not an error.
func (v *Vault) Delete(ctx context.Context, key string) error { return nil }

// Lock takes the lock file, against other processes and other goroutines, and
// returns the function that gives it back. It waits until ctx ends.
// For a credential, take its Record.LockFile, or [Vault.LockFile] where there
// is no record yet.
func (v *Vault) Lock(ctx context.Context, lockFile string) (unlock func(), err error) {
	return func() {}, nil
}

// LockFile is the lock file of a key for which there is no record yet.
func (v *Vault) LockFile(key string) string { return "" }

// RefreshFailed notes in the index that a refresh of the record of that
// generation failed with an OAuth error code (RFC 6749 section 5.2) or a word
// of ours. needsLogin says that only a new login helps. It does nothing if the
// credential has changed since: a success is never overwritten by a failure.
func (v *Vault) RefreshFailed(ctx context.Context, key string, generation uint64, code string, needsLogin bool) error {
	return nil
}

// Index returns what is known without asking the keyring.
func (v *Vault) Index() (Index, error) { return Index{}, nil }
