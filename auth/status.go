package auth

import (
	"time"

	"mcpproxy/auth/vault"
)

// A State says whether there is a credential that can be used.
type State string

// The states of a [Status].
const (
	LoggedIn   State = "logged_in"   // the access token is valid or can be refreshed
	NeedsLogin State = "needs_login" // there is no credential, or the server refuses it
	Ended      State = "expired"     // the access token has expired and cannot be refreshed
)

// A Status is what is known about the credential of one upstream without
// asking the keyring.
type Status struct {
	State        State
	Err          error     // a [*NeedsAuthError] that says why State is not LoggedIn
	ExpiresAt    time.Time // of the access token; zero if unknown
	Scopes       []string  // granted
	RefreshError string    // code of the last refresh, if it failed: of OAuth, or a word of ours

	Pending *PendingStatus // an unfinished login, or nil

	// Used says that this process has sent a token to the upstream, which may
	// otherwise do without one.
	Used bool
}

// A PendingStatus describes an unfinished login.
type PendingStatus struct {
	Flow      vault.Flow
	ExpiresAt time.Time
	// Orphaned says that the process which began the login is gone, so that
	// nothing waits for the browser or the device. A code flow can still be
	// finished by pasting.
	Orphaned bool
}

// Status returns what the index knows about the credential of s. The error
// is a [*vault.Error].
func (a *Authority) Status(s Server) (Status, error) {
	ix, err := a.vault.Index()
	if err != nil {
		return Status{}, err
	}
	now := time.Now()
	st := Status{State: NeedsLogin, Err: &NeedsAuthError{Server: s.Name, Reason: NoCredential}}
	a.update(s.Key, func(known *state) { st.Used = known.used })
	if p, ok := ix.Pending[s.Key]; ok && now.Before(p.Expires) {
		st.Pending = &PendingStatus{Flow: p.Flow, ExpiresAt: p.Expires, Orphaned: p.Orphaned}
	}
	c, ok := ix.Credentials[s.Key]
	if !ok || !c.IsOf(s.URL) {
		return st, nil
	}
	st.RefreshError = c.RefreshError
	if c.NeedsLogin {
		st.Err = needsLoginAgain(s.Name, c)
		return st, nil
	}
	st.State, st.Err, st.ExpiresAt, st.Scopes = LoggedIn, nil, c.Expiry, c.Scopes
	if !c.Expiry.IsZero() && !now.Before(c.Expiry) && !c.HasRefreshToken {
		st.State, st.Err = Ended, &NeedsAuthError{Server: s.Name, Reason: Expired, Scopes: c.Scopes}
	}
	return st, nil
}
