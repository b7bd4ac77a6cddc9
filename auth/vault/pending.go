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

// A Pending is a login that has begun and may be finished by another process.
// Like a [Record] it prints, logs and marshals without its secrets.
type Pending struct {
	ID   string `json:"id"` // set by [Vault.SavePending]; a new one supersedes the old
	Flow Flow   `json:"flow"`

	ServerURL          string   `json:"server_url"`
	Issuer             string   `json:"issuer,omitempty"`
	AuthorizeURL       string   `json:"authorize_url,omitempty"` // the whole URL the person opens, code flow
	TokenEndpoint      string   `json:"token_endpoint"`
	RevocationEndpoint string   `json:"revocation_endpoint,omitempty"`
	Resource           string   `json:"resource,omitempty"` // RFC 8707
	Scopes             []string `json:"scopes,omitempty"`   // asked for
	Client             Client   `json:"client"`

	// Code flow.
	State       string `json:"state,omitempty"`         // RFC 6749 section 10.12
	Verifier    string `json:"code_verifier,omitempty"` // RFC 7636
	RedirectURI string `json:"redirect_uri,omitempty"`
	IssRequired bool   `json:"iss_required,omitempty"` // the metadata promises RFC 9207's iss

	// Device flow, RFC 8628 section 3.2.
	DeviceCode              string        `json:"device_code,omitempty"`
	UserCode                string        `json:"user_code,omitempty"`
	VerificationURI         string        `json:"verification_uri,omitempty"`
	VerificationURIComplete string        `json:"verification_uri_complete,omitempty"`
	Interval                time.Duration `json:"interval,omitempty"` // least time between two polls

	Started time.Time `json:"started"`
	Expires time.Time `json:"expires"`
}

// Expired reports whether the authorization server has forgotten the login.
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

// keepExpired is how long an expired login is remembered, so that a late
// paste learns that it came too late.
const keepExpired = time.Hour

// SavePending keeps p as the pending login of key (see [Key]),
// superseding the former one, and returns it with its new ID. The login counts
// as owned until release is called or this process ends, and as orphaned
// from then on.
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
		return p, nil, v.failed("put", err)
	}
	return p, release, nil
}

// listPending enters p into the index, in place of the former one, and drops
// the logins that nobody finished. The write lock is held.
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
			// What cannot be removed now is worthless to anyone: it has expired.
			_ = v.store.remove(ctx, pendingKey(k))
		}
		_ = os.Remove(v.ownerLock(e.ID))
	}
	return nil
}

// Pending returns the pending login of key, even if it has expired, or
// [ErrNoCredential], or an [*Error], or the error of ctx if the caller
// gave up.
func (v *Vault) Pending(ctx context.Context, key string) (Pending, error) {
	b, err := v.store.get(ctx, pendingKey(key))
	if err != nil {
		return Pending{}, v.failed("get", err)
	}
	var p plainPending
	if json.Unmarshal(b, &p) != nil {
		return Pending{}, v.failed("get", &Error{Reason: Damaged, Err: errNotJSON})
	}
	return Pending(p), nil
}

// PendingCurrent reports whether the pending login of key is still the one
// with that ID: neither superseded nor finished by another process. It costs
// a glance at the index and may be polled.
func (v *Vault) PendingCurrent(key, id string) bool {
	ix, err := v.index.read()
	return err != nil || ix.Pending[key].ID == id
}

// RemovePending removes the pending login of key if it still has that ID: one
// that was superseded must not take its successor away.
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
	return v.failed("delete", err)
}

// ownerLock is the file that the process which waits for a login keeps
// locked. It bears the login's own ID, so that, unlike other lock files, it
// can be removed: nobody else ever takes it to keep it.
func (v *Vault) ownerLock(id string) string {
	return filepath.Join(v.dir, "pending", hash(id)+".lock")
}

// isOwned reports whether a living process waits for the login.
func (v *Vault) isOwned(id string) bool { return privatefile.Held(v.ownerLock(id)) }
