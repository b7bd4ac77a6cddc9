package vault

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"time"
)

// A Record is one credential: what a login left for one upstream.
//
// It is bound to the server it was issued for. ServerURL, Issuer,
// TokenEndpoint and Resource are kept so that an edited or a hostile
// configuration under the same name never gets the tokens of another.
//
// A Record prints, logs and marshals to JSON without its secrets; only the
// [Vault] writes them.
type Record struct {
	AccessToken  string `json:"access_token,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"` // empty: a new login is needed at expiry
	TokenType    string `json:"token_type,omitempty"`    // RFC 6749 section 7.1, normally "Bearer"

	// Expiry is when the access token ends; zero means that the server named
	// no lifetime, and that the token holds until the server answers 401.
	Expiry   time.Time `json:"expiry,omitzero"`
	IssuedAt time.Time `json:"issued_at,omitzero"`
	Scopes   []string  `json:"scopes,omitempty"` // granted, RFC 6749 section 3.3

	ServerURL          string `json:"server_url"`                    // the upstream's URL, as configured at login
	Issuer             string `json:"issuer,omitempty"`              // RFC 8414; empty for pinned endpoints without one
	TokenEndpoint      string `json:"token_endpoint"`                // RFC 6749 section 3.2
	RevocationEndpoint string `json:"revocation_endpoint,omitempty"` // RFC 7009; empty if there is none
	Resource           string `json:"resource,omitempty"`            // RFC 8707; empty if the parameter is left out

	Client Client `json:"client"`

	// Generation is set by [Vault.Put]: it grows with every change of any
	// credential, whichever process makes it, and never repeats.
	Generation uint64 `json:"generation"`

	// LockFile is the path of the file that every process locks before it
	// refreshes or replaces this credential, see [Vault.Lock]. It is recorded
	// so that processes with other environments take the same one; Put fills
	// it in when it is empty.
	LockFile string `json:"lock_file,omitempty"`
}

// A Client is what an authorization server knows us as.
type Client struct {
	ID     string `json:"client_id,omitempty"`
	Secret string `json:"client_secret,omitempty"` // empty for a public client

	// AuthMethod is the token endpoint authentication method, as RFC 7591
	// section 2 names them: "none", "client_secret_basic", "client_secret_post".
	AuthMethod string `json:"token_endpoint_auth_method,omitempty"`

	// Registered tells a client of dynamic registration (RFC 7591), which can
	// vanish and be made anew, from one that was configured.
	Registered   bool     `json:"registered,omitempty"`
	MetadataURL  string   `json:"client_metadata_url,omitempty"` // Client ID Metadata Document, equal to ID
	RedirectURIs []string `json:"redirect_uris,omitempty"`       // as registered
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

// MarshalJSON writes what String says: whoever marshals a record by chance,
// for instance within something that is logged, must not write its secrets.
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

// redacted tells a secret that is there from one that is not, and no more.
func redacted(secret string) string {
	if secret == "" {
		return ""
	}
	return "[redacted]"
}

// bareURL is a URL without the parts in which a configuration may put a key.
func bareURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return redacted(raw)
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// The plain types have the fields of the types they are named after and none
// of their methods: they alone marshal with the secrets.
type (
	plainRecord Record
	plainClient Client
)

// encode returns r as it is kept in the vault, secrets included.
func (r Record) encode() ([]byte, error) {
	return json.Marshal(struct {
		plainRecord
		Client plainClient `json:"client"` // shadows the redacting one
	}{plainRecord(r), plainClient(r.Client)})
}

// decodeRecord reads what encode wrote.
func decodeRecord(b []byte) (Record, error) {
	var r plainRecord
	err := json.Unmarshal(b, &r)
	return Record(r), err
}
