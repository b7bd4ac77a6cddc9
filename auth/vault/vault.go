package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"mcpproxy/auth/privatefile"
)

// The stores a [Vault] can keep its secrets in.
const (
	StoreKeyring = "keyring" // the operating system's, the default
	StoreFile    = "file"    // a 0600 file, only where the user asks for it
)

// ErrNoCredential says that the vault holds nothing under a key, as against a
// vault that cannot be asked, which is an [Error].
var ErrNoCredential = errors.New("no credential")

// A Reason says why a vault could not do its work.
type Reason string

// The reasons of an [Error].
const (
	Unavailable Reason = "unavailable" // there is no keyring, or it refused; or the file cannot be read or written
	Locked      Reason = "locked"      // the keyring waits to be unlocked by the person
	Timeout     Reason = "timeout"     // no answer in time; an unlock prompt may be open
	TooBig      Reason = "too big"     // the credential exceeds what a vault takes
	Damaged     Reason = "damaged"     // something is there and cannot be read
)

// A Error says that the vault could not do its work. It never means that
// a credential is absent, which is [ErrNoCredential].
type Error struct {
	Op     string // "get", "put", "delete", "lock" or "index"
	Store  string // StoreKeyring or StoreFile
	Reason Reason
	File   string // the file concerned, if there is one
	Err    error
}

// Error states the fact, without any secret.
func (e *Error) Error() string {
	s := e.Store + " " + string(e.Reason)
	if e.File != "" {
		s += " (" + e.File + ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// ReasonOf is the Reason of an [Error], "" for any other error.
func ReasonOf(err error) Reason {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return ""
}

// fileError tells a caller that gave up from a lock that another process held
// for too long and from a file that cannot be used.
func fileError(path string, err error) error {
	reason := Unavailable
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		reason = Timeout
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok && e.Path == path {
		err = e.Err // which an Error says with the path already
	}
	return &Error{Reason: reason, File: path, Err: err}
}

// Options say where a vault keeps what. StateDir is required.
type Options struct {
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
// processes of the user that have the same state folder. Its methods may be
// called concurrently. Locks are taken in this order: a credential's, the
// write lock, the index's.
type Vault struct {
	dir   string
	name  string // of the store
	store store
	index *indexFile
	log   *slog.Logger
	loads chan struct{} // capacity 1: one load at a time, the next finds its answer in memory

	mu    sync.Mutex
	cache map[string]cacheEntry
}

// cacheEntry is what the store held for a key while the index said generation.
type cacheEntry struct {
	generation uint64
	record     Record
	err        error // nil or ErrNoCredential
}

// Open returns a vault. Nothing is touched on disk or in the keyring
// before the first use.
func Open(o Options) *Vault {
	v := &Vault{
		name:  cmp.Or(o.Store, StoreKeyring),
		log:   o.Log,
		loads: make(chan struct{}, 1),
		cache: map[string]cacheEntry{},
	}
	if v.log == nil {
		v.log = slog.New(slog.DiscardHandler)
	}
	// Each store has its own index, so that one that is changed for another
	// does not inherit what it does not hold.
	v.dir = filepath.Join(o.StateDir, "vault", v.name)
	v.index = &indexFile{path: filepath.Join(v.dir, "index.json")}
	if v.name == StoreFile {
		v.store = fileStore{path: filepath.Join(v.dir, "credentials.json")}
	} else {
		v.store = newKeyringStore(osItems{service: cmp.Or(o.Service, "proxy")}, itemLimit, cmp.Or(o.Timeout, 5*time.Second))
	}
	return v
}

// Get returns the credential kept under key (see [Key]), or
// [ErrNoCredential], or an [*Error], or the error of ctx if the caller
// gave up.
//
// The answer comes from memory while the index says that no process has
// changed the credential, so that one start prompts at most once. Before
// a refresh, under [Vault.Lock], use [Vault.Reload].
func (v *Vault) Get(ctx context.Context, key string) (Record, error) {
	if m, ok := v.cached(key); ok {
		return m.record, m.err
	}
	select {
	case v.loads <- struct{}{}:
		defer func() { <-v.loads }()
	case <-ctx.Done():
		return Record{}, v.failed("get", ctx.Err())
	}
	if m, ok := v.cached(key); ok {
		return m.record, m.err
	}
	return v.Reload(ctx, key)
}

// cached returns what is in memory for key and still holds.
func (v *Vault) cached(key string) (cacheEntry, bool) {
	ix, err := v.index.read()
	if err != nil {
		return cacheEntry{}, false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	m, ok := v.cache[key]
	return m, ok && m.generation == ix.Credentials[key].Generation
}

// Reload is Get past the memory: it asks the store.
func (v *Vault) Reload(ctx context.Context, key string) (Record, error) {
	// The index is read first: if the credential changes in between, what is
	// remembered is too old by the index and not too new.
	ix, indexErr := v.index.read()
	entry := ix.Credentials[key]
	r, err := v.load(ctx, key)
	if err != nil && !errors.Is(err, ErrNoCredential) {
		return Record{}, v.failed("get", err)
	}
	switch {
	case r.Generation != entry.Generation: // 0 if there is none
		v.repairIndex(ctx, key)
	case indexErr == nil:
		v.setCached(key, cacheEntry{entry.Generation, r, err})
	}
	return r, err
}

func (v *Vault) load(ctx context.Context, key string) (Record, error) {
	b, err := v.store.get(ctx, key)
	if err != nil {
		return Record{}, err
	}
	r, err := decodeRecord(b)
	if err != nil {
		return Record{}, &Error{Reason: Damaged, Err: errNotJSON}
	}
	return r, nil
}

// repairIndex makes the index agree with the store, which a lost index or a process
// that died between the two has left apart. It is not worth an error: the
// vault works without.
func (v *Vault) repairIndex(ctx context.Context, key string) {
	err := v.underWriteLock(ctx, func(ctx context.Context) error {
		r, err := v.load(ctx, key)
		if err != nil && !errors.Is(err, ErrNoCredential) {
			return err
		}
		return v.index.update(ctx, func(ix *Index) { ix.set(key, r, err == nil) })
	})
	if err != nil {
		v.log.WarnContext(ctx, "vault index differs from the vault", "key", key, "error", err)
	}
}

// Put stores r under key and returns when it is durable. It sets the
// generation, and the lock file if r names none, and returns the record as
// stored. On an error the former record is still there, whole; but a keyring
// call that timed out may yet take effect.
func (v *Vault) Put(ctx context.Context, key string, r Record) (Record, error) {
	if r.LockFile == "" {
		r.LockFile = v.LockFile(key)
	}
	err := v.underWriteLock(ctx, func(ctx context.Context) error {
		ix, err := v.index.read()
		if err != nil && ReasonOf(err) != Damaged {
			v.log.WarnContext(ctx, "vault index not read", "error", err)
		}
		ix.Last = max(ix.Last, r.Generation)
		r.Generation = ix.next()
		b, err := r.encode()
		if err != nil {
			return err
		}
		if err := v.set(ctx, key, b); err != nil {
			return err
		}
		v.dropCached(key)
		// The record is safe. Failing now would make the caller believe that
		// a rotated refresh token was lost.
		if err := v.index.update(ctx, func(ix *Index) { ix.set(key, r, true) }); err != nil {
			v.log.WarnContext(ctx, "vault index not written", "key", key, "error", err)
			return nil
		}
		v.setCached(key, cacheEntry{r.Generation, r, nil})
		return nil
	})
	return r, v.failed("put", err)
}

// Delete removes the credential and its entry in the index; nothing there is
// not an error.
func (v *Vault) Delete(ctx context.Context, key string) error {
	err := v.underWriteLock(ctx, func(ctx context.Context) error {
		if err := v.store.remove(ctx, key); err != nil {
			return err
		}
		v.dropCached(key)
		return v.index.update(ctx, func(ix *Index) { ix.set(key, Record{}, false) })
	})
	return v.failed("delete", err)
}

// set bounds what is put into the store.
func (v *Vault) set(ctx context.Context, key string, value []byte) error {
	if len(value) > maxValue {
		return &Error{Reason: TooBig, Err: fmt.Errorf("%d of %d bytes", len(value), maxValue)}
	}
	return v.store.set(ctx, key, value)
}

// maxValue is far above any real credential, two tokens of a large identity
// provider being some 8 KiB.
const maxValue = 256 << 10

// underWriteLock runs f under the write lock, which every process takes to change the
// store: the one file of a fileStore, and the parts that one value of
// a keyring can have. All of it, the wait included, takes vaultTimeout at most.
func (v *Vault) underWriteLock(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	unlock, err := v.Lock(ctx, filepath.Join(v.dir, "write.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	return f(ctx)
}

// changeTimeout bounds one change of the vault. Another process may hold a lock
// for ever, having been stopped.
const changeTimeout = 30 * time.Second

// Lock takes the lock file, against other processes and other goroutines, and
// returns the function that gives it back. It waits until ctx ends.
// For a credential, take its Record.LockFile, or [Vault.LockFile] where there
// is no record yet.
func (v *Vault) Lock(ctx context.Context, lockFile string) (unlock func(), err error) {
	unlock, err = privatefile.Lock(ctx, lockFile)
	if err != nil {
		return nil, v.failed("lock", fileError(lockFile, err))
	}
	return unlock, nil
}

// LockFile is the lock file of a key for which there is no record yet.
func (v *Vault) LockFile(key string) string {
	return filepath.Join(v.dir, "locks", hash(key)+".lock")
}

// RefreshFailed notes in the index that a refresh of the record of that
// generation failed with an OAuth error code (RFC 6749 section 5.2) or a word
// of ours. needsLogin says that only a new login helps. It does nothing if the
// credential has changed since: a success is never overwritten by a failure.
func (v *Vault) RefreshFailed(ctx context.Context, key string, generation uint64, code string, needsLogin bool) error {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	return v.failed("index", v.index.update(ctx, func(ix *Index) {
		e, ok := ix.Credentials[key]
		if !ok || e.Generation != generation {
			return
		}
		// The entry keeps its generation, for the record is the same.
		e.RefreshError, e.NeedsLogin, e.RefreshFailedAt = code, needsLogin, time.Now()
		ix.Credentials[key] = e
	}))
}

// Index returns what is known without asking the keyring.
func (v *Vault) Index() (Index, error) {
	ix, err := v.index.read()
	if ix = ix.clone(); err != nil {
		return ix, v.failed("index", err)
	}
	for key, p := range ix.Pending {
		p.Orphaned = !v.isOwned(p.ID)
		ix.Pending[key] = p
	}
	return ix, nil
}

func (v *Vault) setCached(key string, m cacheEntry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.cache[key] = m
}

func (v *Vault) dropCached(key string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.cache, key)
}

// failed completes an Error with what was being done; other errors pass.
func (v *Vault) failed(op string, err error) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Op == "" {
		e.Op, e.Store = op, v.name
	}
	return err
}
