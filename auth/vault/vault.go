package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"mcpproxy/auth/privatefile"
)

// The stores for the secrets of a [Vault].
const (
	StoreKeyring = "keyring" // the operating system's keyring, the default
	StoreFile    = "file"    // a file of mode 0600, only where the user asks for it
)

// Options configure a [Vault]. StateDir is required.
type Options struct {
	StateDir string // absolute; the vault makes its own folder in it
	Store    string // StoreKeyring (default) or StoreFile
	Service  string // the keyring's service name, "proxy" by default

	// Timeout bounds each call to the keyring, which may wait for an unlock
	// prompt; 5 s by default. A caller that has announced the prompt should
	// allow about a minute.
	Timeout time.Duration

	Log *slog.Logger // nil discards
}

// A Vault keeps credentials and pending logins. It shares them with all
// processes of the user that have the same state folder. Its methods may be
// called concurrently.
type Vault struct {
	dir   string
	name  string // of the store
	store store
	index *indexFile
	log   *slog.Logger
	loads chan struct{} // capacity 1: the first reader loads a record, the next find it in the cache

	mu    sync.Mutex
	cache map[string]cacheEntry
}

// A cacheEntry is what the store held for a key at a generation of the
// index.
type cacheEntry struct {
	generation uint64
	record     Record
	err        error // nil or ErrNoCredential
}

// Open returns a vault. It touches neither the disk nor the keyring before
// the first use.
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
	// Each store has its own index, because another store does not hold the
	// same records.
	v.dir = filepath.Join(o.StateDir, "vault", v.name)
	v.index = &indexFile{path: filepath.Join(v.dir, "index.json")}
	if v.name == StoreFile {
		v.store = fileStore{path: filepath.Join(v.dir, "credentials.json")}
	} else {
		v.store = newKeyringStore(osItems{service: cmp.Or(o.Service, "proxy")}, itemLimit, cmp.Or(o.Timeout, 5*time.Second))
	}
	return v
}

// Get returns the credential under key (see [Key]). The error is
// [ErrNoCredential], an [*Error], or that of ctx.
//
// The credential comes from the cache if the index says that no process has
// changed it since, so that a process asks the keyring once. Before a
// refresh, under [Vault.Lock], use [Vault.Reload].
func (v *Vault) Get(ctx context.Context, key string) (Record, error) {
	if m, ok := v.cached(key); ok {
		return m.record, m.err
	}
	select {
	case v.loads <- struct{}{}:
		defer func() { <-v.loads }()
	case <-ctx.Done():
		return Record{}, v.failed(OpGet, ctx.Err())
	}
	if m, ok := v.cached(key); ok {
		return m.record, m.err
	}
	return v.Reload(ctx, key)
}

// cached returns the entry of key if it is still current.
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

// Reload is Get without the cache.
func (v *Vault) Reload(ctx context.Context, key string) (Record, error) {
	// The index is read before the record, so that a change in between makes
	// the cache entry look older than the record, never newer.
	ix, indexErr := v.index.read()
	entry := ix.Credentials[key]
	r, err := v.load(ctx, key)
	if err != nil && !errors.Is(err, ErrNoCredential) {
		return Record{}, v.failed(OpGet, err)
	}
	switch {
	case r.Generation != entry.Generation: // both are 0 if there is no record
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

// repairIndex makes the index agree with the store, after the index was lost
// or a process died between the two writes. The vault works without, so a
// failure is only logged.
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
// generation, sets the lock file if r has none, and returns the record as
// stored. After an error the former record is still there, but a keyring
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
		// The record is stored. An error would make the caller believe that
		// a new refresh token was lost.
		if err := v.index.update(ctx, func(ix *Index) { ix.set(key, r, true) }); err != nil {
			v.log.WarnContext(ctx, "vault index not written", "key", key, "error", err)
			return nil
		}
		v.setCached(key, cacheEntry{r.Generation, r, nil})
		return nil
	})
	return r, v.failed(OpPut, err)
}

// Delete removes the credential and its index entry. It is no error if there
// is none.
func (v *Vault) Delete(ctx context.Context, key string) error {
	err := v.underWriteLock(ctx, func(ctx context.Context) error {
		if err := v.store.remove(ctx, key); err != nil {
			return err
		}
		v.dropCached(key)
		return v.index.update(ctx, func(ix *Index) { ix.set(key, Record{}, false) })
	})
	return v.failed(OpDelete, err)
}

// set stores a value of at most maxValue bytes.
func (v *Vault) set(ctx context.Context, key string, value []byte) error {
	if len(value) > maxValue {
		return &Error{Reason: TooBig, Err: fmt.Errorf("%d of %d bytes", len(value), maxValue)}
	}
	return v.store.set(ctx, key, value)
}

// maxValue is far above any real credential: two tokens of a large identity
// provider have about 8 KiB.
const maxValue = 256 << 10

// underWriteLock runs f under the lock that every process takes to change
// the store: a fileStore is one file, and a value in the keyring may have
// several parts. It takes changeTimeout at most, including the wait.
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

// changeTimeout bounds a change of the vault, because a stopped process
// holds its locks for ever.
const changeTimeout = 30 * time.Second

// Lock takes a lock file as [privatefile.Lock] does. For a credential it is
// Record.LockFile, or [Vault.LockFile] if there is no record.
func (v *Vault) Lock(ctx context.Context, lockFile string) (unlock func(), err error) {
	unlock, err = privatefile.Lock(ctx, lockFile)
	if err != nil {
		return nil, v.failed(OpLock, fileError(lockFile, err))
	}
	return unlock, nil
}

// LockFile is the lock file for a key without a record.
func (v *Vault) LockFile(key string) string {
	return filepath.Join(v.dir, "locks", hash(key)+".lock")
}

// RefreshFailed records in the index that a refresh of the record with that
// generation failed. code is an OAuth error code (RFC 6749 section 5.2) or a
// word of the caller; needsLogin says that only a new login helps. It does
// nothing if the credential has changed since, so that a failure never
// overwrites a success.
func (v *Vault) RefreshFailed(ctx context.Context, key string, generation uint64, failure RefreshFailure, needsLogin bool) error {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	return v.failed(OpIndex, v.index.update(ctx, func(ix *Index) {
		e, ok := ix.Credentials[key]
		if !ok || e.Generation != generation {
			return
		}
		// The entry keeps its generation, because the record is unchanged.
		e.RefreshFailure, e.NeedsLogin, e.RefreshFailedAt = failure, needsLogin, time.Now()
		ix.Credentials[key] = e
	}))
}

// Index returns the index, without asking the keyring.
func (v *Vault) Index() (Index, error) {
	ix, err := v.index.read()
	if ix = ix.clone(); err != nil {
		return ix, v.failed(OpIndex, err)
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

// failed adds the operation to an Error; it returns other errors unchanged.
func (v *Vault) failed(op Op, err error) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Op == "" {
		e.Op, e.Store = op, v.name
	}
	return err
}
