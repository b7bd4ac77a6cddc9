package vault

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"time"
)

// A Record is one credential: what a login obtained for one upstream.
//
// ServerURL, Issuer, TokenEndpoint and Resource bind it to the server it was
// issued for, so that an edited or hostile configuration under the same name
// does not get its tokens.
//
// A Record prints, logs and marshals to JSON without its secrets. Only the
// [Vault] writes them.
type Record struct {
	AccessToken  string `json:"access_token,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"` // if empty, the expiry needs a new login
	TokenType    string `json:"token_type,omitempty"`    // RFC 6749 section 7.1, normally "Bearer"

	// Expiry is zero if the server named no lifetime: the access token is
	// then valid until the upstream answers 401.
	Expiry   time.Time `json:"expiry,omitzero"`
	IssuedAt time.Time `json:"issued_at,omitzero"`
	Scopes   []string  `json:"scopes,omitempty"` // granted, RFC 6749 section 3.3

	ServerURL          string `json:"server_url"`                    // the upstream's URL, as configured at login
	Issuer             string `json:"issuer,omitempty"`              // RFC 8414; empty for pinned endpoints without one
	TokenEndpoint      string `json:"token_endpoint"`                // RFC 6749 section 3.2
	RevocationEndpoint string `json:"revocation_endpoint,omitempty"` // RFC 7009; empty if there is none
	Resource           string `json:"resource,omitempty"`            // RFC 8707; empty if the parameter is not sent

	Client Client `json:"client"`

	// Generation is set by [Vault.Put]. It grows with every change of any
	// credential by any process, and never repeats.
	Generation uint64 `json:"generation"`

	// LockFile is locked by every process before it refreshes or replaces
	// this credential, see [Vault.Lock]. It is part of the record so that
	// processes with different environments use the same file.
	LockFile string `json:"lock_file,omitempty"`
}

// A Client is our registration at an authorization server.
type Client struct {
	ID     string `json:"client_id,omitempty"`
	Secret string `json:"client_secret,omitempty"` // empty for a public client

	// AuthMethod is the token endpoint authentication method as RFC 7591
	// section 2 names it: "none", "client_secret_basic" or
	// "client_secret_post".
	AuthMethod string `json:"token_endpoint_auth_method,omitempty"`

	// Registered says that the client was registered dynamically (RFC 7591).
	// The server may forget such a client, and a new one can be registered.
	Registered   bool     `json:"registered,omitempty"`
	MetadataURL  string   `json:"client_metadata_url,omitempty"` // Client ID Metadata Document, equal to ID
	RedirectURIs []string `json:"redirect_uris,omitempty"`       // as registered
	Scopes       []string `json:"scopes,omitempty"`              // that the registration allows; nil if it named none
}

// LogValue implements [slog.LogValuer] without any secret.
func (r Record) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("server_url", bareURL(r.ServerURL)),
		slog.String("issuer", r.Issuer),
		slog.String("resource", bareURL(r.Resource)),
		slog.Any("scopes", r.Scopes),
		slog.Time("expiry", r.Expiry),
		slog.String("access_token", redacted(r.AccessToken)),
		slog.String("refresh_token", redacted(r.RefreshToken)),
		slog.Any("client", r.Client),
		slog.Uint64("generation", r.Generation),
	)
}

// String describes r without any secret.
func (r Record) String() string { return r.LogValue().String() }

// Format implements [fmt.Formatter], so that no verb reaches the fields.
func (r Record) Format(s fmt.State, _ rune) { fmt.Fprint(s, r.String()) }

// MarshalJSON writes what String says, because a record may be marshalled by
// chance as a part of something else.
func (r Record) MarshalJSON() ([]byte, error) { return json.Marshal(r.String()) }

// LogValue implements [slog.LogValuer] without the client secret.
func (c Client) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("client_id", c.ID),
		slog.String("client_secret", redacted(c.Secret)),
		slog.String("auth_method", c.AuthMethod),
	)
}

// String describes c without its secret.
func (c Client) String() string { return c.LogValue().String() }

// Format implements [fmt.Formatter], so that no verb reaches the fields.
func (c Client) Format(s fmt.State, _ rune) { fmt.Fprint(s, c.String()) }

// MarshalJSON writes what String says, like [Record.MarshalJSON].
func (c Client) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

// redacted shows only whether there is a secret.
func redacted(secret string) string {
	if secret == "" {
		return ""
	}
	return "[redacted]"
}

// bareURL drops the parts of a URL that may hold a key.
func bareURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return redacted(raw)
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// The plain types have the same fields and no methods, so that they marshal
// with the secrets.
type (
	plainRecord Record
	plainClient Client
)

// encode returns r with its secrets, as the vault keeps it.
func (r Record) encode() ([]byte, error) {
	return json.Marshal(struct {
		plainRecord
		Client plainClient `json:"client"` // shadows the redacting one
	}{plainRecord(r), plainClient(r.Client)})
}

// decodeRecord is the inverse of encode.
func decodeRecord(b []byte) (Record, error) {
	var r plainRecord
	err := json.Unmarshal(b, &r)
	return Record(r), err
}
