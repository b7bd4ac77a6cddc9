package auth

import "time"

// An Index is the vault without its secrets: enough for a status.
type Index struct {
	// Last is the highest generation given out; it never goes back.
	Last uint64 `json:"last"`

	Credentials map[string]IndexEntry   `json:"credentials"` // by key, see CredentialKey
	Pending     map[string]PendingEntry `json:"pending"`     // by the same key as the credential they will give
}

// An IndexEntry tells about one credential.
type IndexEntry struct {
	Server          string    `json:"server"`            // the upstream's name
	Project         string    `json:"project,omitempty"` // hash of the project's path, empty for the global layer
	ServerURL       string    `json:"server_url"`
	Issuer          string    `json:"issuer,omitempty"`
	Scopes          []string  `json:"scopes,omitempty"`
	Expiry          time.Time `json:"expiry,omitzero"` // zero: until the server says 401
	HasRefreshToken bool      `json:"has_refresh_token,omitempty"`
	Generation      uint64    `json:"generation"`
	SavedAt         time.Time `json:"saved_at,omitzero"`

	NeedsLogin      bool      `json:"needs_login,omitempty"`   // the grant is gone
	RefreshError    string    `json:"refresh_error,omitempty"` // code of the last failure since SavedAt
	RefreshFailedAt time.Time `json:"refresh_failed_at,omitzero"`
}

// A PendingEntry tells about one login that is not finished.
type PendingEntry struct {
	ID        string    `json:"id"` // of this attempt; another ID means that it was superseded
	Server    string    `json:"server"`
	Project   string    `json:"project,omitempty"`
	Flow      string    `json:"flow"` // FlowCode or FlowDevice
	ServerURL string    `json:"server_url"`
	Started   time.Time `json:"started"`
	Expires   time.Time `json:"expires"`

	// Orphaned is set when the index is read: the process that began the
	// login and waited for its answer is gone. A code flow can still be
	// finished by pasting the URL.
	Orphaned bool `json:"-"`
}
