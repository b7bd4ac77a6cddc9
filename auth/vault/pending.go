package vault

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"mcpproxy/auth/privatefile"
)

// A Flow is the kind of a login.
type Flow string

// The flows of a login.
const (
	CodeFlow   Flow = "code"   // authorization code with PKCE, by browser or paste
	DeviceFlow Flow = "device" // RFC 8628
)

// A Pending is an unfinished login, which any process may finish. Like a
// [Record] it prints, logs and marshals without its secrets.
type Pending struct {
	ID   string `json:"id"` // set by [Vault.SavePending]
	Flow Flow   `json:"flow"`

	ServerURL          string   `json:"server_url"`
	Issuer             string   `json:"issuer,omitempty"`
	AuthorizeURL       string   `json:"authorize_url,omitempty"` // opened by the person, code flow
	TokenEndpoint      string   `json:"token_endpoint"`
	RevocationEndpoint string   `json:"revocation_endpoint,omitempty"`
	Resource           string   `json:"resource,omitempty"` // RFC 8707
	Scopes             []string `json:"scopes,omitempty"`   // asked for
	Client             Client   `json:"client"`

	// Code flow.
	State       string `json:"state,omitempty"`         // RFC 6749 section 10.12
	Verifier    string `json:"code_verifier,omitempty"` // RFC 7636
	RedirectURI string `json:"redirect_uri,omitempty"`
	IssRequired bool   `json:"iss_required,omitempty"` // RFC 9207: the metadata promises the iss parameter

	// Device flow, RFC 8628 section 3.2.
	DeviceCode              string        `json:"device_code,omitempty"`
	UserCode                string        `json:"user_code,omitempty"`
	VerificationURI         string        `json:"verification_uri,omitempty"`
	VerificationURIComplete string        `json:"verification_uri_complete,omitempty"`
	Interval                time.Duration `json:"interval,omitempty"` // least time between two polls

	Started time.Time `json:"started"`
	Expires time.Time `json:"expires"`
}

// Expired reports whether the login can no longer be finished.
func (p Pending) Expired() bool { return !time.Now().Before(p.Expires) }

// LogValue implements [slog.LogValuer] without any secret.
func (p Pending) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("id", p.ID),
		slog.String("flow", string(p.Flow)),
		slog.String("server_url", bareURL(p.ServerURL)),
		slog.String("issuer", p.Issuer),
		slog.String("redirect_uri", p.RedirectURI),
		slog.Any("client", p.Client),
		slog.Time("expires", p.Expires),
	)
}

// String describes p without any secret.
func (p Pending) String() string { return p.LogValue().String() }

// Format implements [fmt.Formatter], so that no verb reaches the fields.
func (p Pending) Format(s fmt.State, _ rune) { fmt.Fprint(s, p.String()) }

// MarshalJSON writes what String says, like [Record.MarshalJSON].
func (p Pending) MarshalJSON() ([]byte, error) { return json.Marshal(p.String()) }

type plainPending Pending

func (p Pending) encode() ([]byte, error) {
	return json.Marshal(struct {
		plainPending
		Client plainClient `json:"client"` // shadows the redacting one
	}{plainPending(p), plainClient(p.Client)})
}

// keepExpired is how long an expired login is kept, so that a late paste
// gets the right error.
const keepExpired = time.Hour

// SavePending stores p as the pending login of key (see [Key]), in place of
// the former one, and returns it with its new ID. The login is owned by this
// process until release is called, and orphaned after that.
func (v *Vault) SavePending(ctx context.Context, key string, p Pending) (saved Pending, release func(), err error) {
	p.ID = rand.Text()
	release, err = v.Lock(ctx, v.ownerLock(p.ID))
	if err != nil {
		return p, nil, err
	}
	b, err := p.encode()
	if err == nil {
		err = v.underWriteLock(ctx, func(ctx context.Context) error {
			if err := v.set(ctx, pendingKey(key), b); err != nil {
				return err
			}
			return v.listPending(ctx, key, p)
		})
	}
	if err != nil {
		release()
		return p, nil, v.failed(OpPut, err)
	}
	return p, release, nil
}

// listPending puts p into the index in place of the former login, and
// removes logins that expired long ago. The caller holds the write lock.
func (v *Vault) listPending(ctx context.Context, key string, p Pending) error {
	var gone map[string]PendingEntry
	err := v.index.update(ctx, func(ix *Index) {
		gone = map[string]PendingEntry{}
		for k, e := range ix.Pending {
			if k == key || time.Since(e.Expires) > keepExpired {
				gone[k] = e
				delete(ix.Pending, k)
			}
		}
		ix.Pending[key] = newPendingEntry(key, p)
	})
	if err != nil {
		return err
	}
	for k, e := range gone {
		if k != key {
			// It has expired, so a failed removal does no harm.
			_ = v.store.remove(ctx, pendingKey(k))
		}
		_ = os.Remove(v.ownerLock(e.ID))
	}
	return nil
}

// Pending returns the pending login of key, even if it has expired. The
// error is [ErrNoCredential], an [*Error], or that of ctx.
func (v *Vault) Pending(ctx context.Context, key string) (Pending, error) {
	b, err := v.store.get(ctx, pendingKey(key))
	if err != nil {
		return Pending{}, v.failed(OpGet, err)
	}
	var p plainPending
	if json.Unmarshal(b, &p) != nil {
		return Pending{}, v.failed(OpGet, &Error{Reason: Damaged, Err: errNotJSON})
	}
	return Pending(p), nil
}

// PendingCurrent reports whether the pending login of key still has that ID,
// and was neither superseded nor finished. It reads only the index, and may
// be polled.
func (v *Vault) PendingCurrent(key, id string) bool {
	ix, err := v.index.read()
	return err != nil || ix.Pending[key].ID == id
}

// RemovePending removes the pending login of key if it still has that ID,
// and not its successor.
func (v *Vault) RemovePending(ctx context.Context, key, id string) error {
	err := v.underWriteLock(ctx, func(ctx context.Context) error {
		p, err := v.Pending(ctx, key)
		if err == nil && p.ID == id {
			err = v.store.remove(ctx, pendingKey(key))
		}
		if err != nil && !errors.Is(err, ErrNoCredential) {
			return err
		}
		_ = os.Remove(v.ownerLock(id))
		return v.index.update(ctx, func(ix *Index) {
			if ix.Pending[key].ID == id {
				delete(ix.Pending, key)
			}
		})
	})
	return v.failed(OpDelete, err)
}

// ownerLock is the file that the process which waits for the login keeps
// locked. It is named by the ID of the login, so that it can be removed: no
// other login uses it.
func (v *Vault) ownerLock(id string) string {
	return filepath.Join(v.dir, "pending", hash(id)+".lock")
}

// isOwned reports whether a process still waits for the login.
func (v *Vault) isOwned(id string) bool { return privatefile.Held(v.ownerLock(id)) }
