package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"sync"
	"time"

	"mcpproxy/auth/privatefile"
)

// An Index describes what the vault holds, without secrets.
type Index struct {
	// Last is the highest generation used; it never decreases.
	Last uint64 `json:"last"`

	Credentials map[string]IndexEntry   `json:"credentials"` // by key, see Key
	Pending     map[string]PendingEntry `json:"pending"`     // by the key of the future credential
}

// An IndexEntry describes one credential.
type IndexEntry struct {
	Server          string    `json:"server"`            // the upstream's name
	Project         string    `json:"project,omitempty"` // hash of the project's path, empty for the global layer
	ServerURL       string    `json:"server_url"`        // without user, query and fragment
	Issuer          string    `json:"issuer,omitempty"`
	Scopes          []string  `json:"scopes,omitempty"`
	Expiry          time.Time `json:"expiry,omitzero"` // zero: until the upstream answers 401
	HasRefreshToken bool      `json:"has_refresh_token,omitempty"`
	Generation      uint64    `json:"generation"`

	NeedsLogin bool `json:"needs_login,omitempty"` // the grant is revoked
	RefreshFailure
	RefreshFailedAt time.Time `json:"refresh_failed_at,omitzero"`
}

// A RefreshFailure is what is known of the last failed refresh since Put.
type RefreshFailure struct {
	RefreshError string `json:"refresh_error,omitempty"` // a code, empty if none failed
	RefreshHost  string `json:"refresh_host,omitempty"`  // that was asked
	RefreshWords string `json:"refresh_words,omitempty"` // what it said or did, without secrets
}

// IsOf reports whether the credential is for the server at rawURL, apart
// from its query.
func (e IndexEntry) IsOf(rawURL string) bool { return e.ServerURL == bareURL(rawURL) }

// A PendingEntry describes one unfinished login.
type PendingEntry struct {
	ID        string    `json:"id"` // changes when the login is superseded
	Server    string    `json:"server"`
	Project   string    `json:"project,omitempty"`
	Flow      Flow      `json:"flow"`
	ServerURL string    `json:"server_url"`
	Started   time.Time `json:"started"`
	Expires   time.Time `json:"expires"`

	// Orphaned is set when the index is read. It says that the process which
	// began the login is gone. A code flow can still be finished by pasting
	// the URL.
	Orphaned bool `json:"-"`
}

// newIndexEntry describes r under key.
func newIndexEntry(key string, r Record) IndexEntry {
	server, project := splitKey(key)
	return IndexEntry{
		Server: server, Project: project,
		ServerURL: bareURL(r.ServerURL), Issuer: r.Issuer, Scopes: r.Scopes, Expiry: r.Expiry,
		HasRefreshToken: r.RefreshToken != "", Generation: r.Generation,
	}
}

// newPendingEntry describes the pending login p for key.
func newPendingEntry(key string, p Pending) PendingEntry {
	server, project := splitKey(key)
	return PendingEntry{
		ID: p.ID, Server: server, Project: project,
		Flow: p.Flow, ServerURL: bareURL(p.ServerURL), Started: p.Started, Expires: p.Expires,
	}
}

// set updates the entry of key after a change of the store.
func (ix *Index) set(key string, r Record, found bool) {
	ix.Last = max(ix.Last, r.Generation)
	if !found {
		delete(ix.Credentials, key)
		return
	}
	ix.Credentials[key] = newIndexEntry(key, r)
}

// next returns a new generation. It follows the clock, so that it grows even
// if the index was lost.
func (ix *Index) next() uint64 {
	ix.Last = max(ix.Last+1, uint64(time.Now().UnixMilli()))
	return ix.Last
}

// An indexFile is the index on disk, which several processes change.
type indexFile struct {
	path string

	mu     sync.Mutex
	bytes  []byte // as read last
	parsed Index  // decoded from bytes; not to be changed
}

// read returns the index, which the caller must not change. A missing file
// is an empty index.
func (f *indexFile) read() (Index, error) {
	b, err := privatefile.Read(f.path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Index{}, nil
	}
	if err != nil {
		return Index{}, &Error{Reason: Unavailable, File: f.path, Err: err}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if bytes.Equal(b, f.bytes) {
		return f.parsed, nil
	}
	var ix Index
	if json.Unmarshal(b, &ix) != nil {
		return Index{}, &Error{Reason: Damaged, File: f.path, Err: errNotJSON}
	}
	f.bytes, f.parsed = b, ix
	return ix, nil
}

// clone returns a copy that may be changed, with its maps made.
func (ix Index) clone() Index {
	ix.Credentials, ix.Pending = maps.Clone(ix.Credentials), maps.Clone(ix.Pending)
	if ix.Credentials == nil {
		ix.Credentials = map[string]IndexEntry{}
	}
	if ix.Pending == nil {
		ix.Pending = map[string]PendingEntry{}
	}
	return ix
}

// update changes the index under its lock, durably. A damaged file is set
// aside.
func (f *indexFile) update(ctx context.Context, change func(*Index)) error {
	err := privatefile.Update(ctx, f.path, maxFile, func(content []byte) ([]byte, error) {
		var ix Index
		if content != nil && json.Unmarshal(content, &ix) != nil {
			return nil, privatefile.ErrDamaged
		}
		ix = ix.clone()
		change(&ix)
		b, err := json.MarshalIndent(ix, "", "  ")
		return append(b, '\n'), err
	})
	if err != nil {
		return fileError(f.path, err)
	}
	return nil
}
