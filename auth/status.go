package auth

import (
	"time"

	"mcpproxy/auth/vault"
)

// A State says whether an upstream can be used.
type State string

// The states of a [Status].
const (
	LoggedIn   State = "logged_in"   // a token holds, or can be refreshed
	NeedsLogin State = "needs_login" // there is no credential, or its grant is gone
	Ended      State = "expired"     // the token has ended and cannot be refreshed
)

// A Status is what can be told about the credential of one upstream without
// asking the keyring.
type Status struct {
	State        State
	ExpiresAt    time.Time // of the access token; zero: unknown or none
	Scopes       []string  // granted
	RefreshError string    // code of the last refresh, if it failed and is tried again

	Pending *PendingStatus // a login that is not finished, or nil
}

// A PendingStatus tells about a login that is not finished.
type PendingStatus struct {
	Flow      vault.Flow
	ExpiresAt time.Time
	// Orphaned says that the process which began it is gone: nothing waits
	// for the browser or the device any more. A code flow can still be
	// finished by pasting.
	Orphaned bool
}

// Status tells what is known about the credential of s, from the index alone.
// The error is a [*vault.Error].
func (a *Authority) Status(s Server) (Status, error) {
	ix, err := a.vault.Index()
	if err != nil {
		return Status{}, err
	}
	now := time.Now()
	st := Status{State: NeedsLogin}
	if p, ok := ix.Pending[s.Key]; ok && now.Before(p.Expires) {
		st.Pending = &PendingStatus{Flow: p.Flow, ExpiresAt: p.Expires, Orphaned: p.Orphaned}
	}
	c, ok := ix.Credentials[s.Key]
	if !ok || c.NeedsLogin || !c.IsOf(s.URL) {
		return st, nil
	}
	st.State, st.ExpiresAt, st.Scopes, st.RefreshError = LoggedIn, c.Expiry, c.Scopes, c.RefreshError
	if !c.Expiry.IsZero() && !now.Before(c.Expiry) && !c.HasRefreshToken {
		st.State = Ended
	}
	return st, nil
}
