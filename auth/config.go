package auth

// Config is the oauth setting of one server, after interpolation.
type Config struct {
	// Provider names a built-in provider whose endpoints are pinned in code.
	Provider string `json:"provider,omitempty"`

	// Discovery allows RFC 9728 and RFC 8414 metadata to be fetched, from the
	// hosts of DiscoveryAllowlist and the upstream's own origin only.
	Discovery          bool     `json:"discovery,omitempty"`
	DiscoveryAllowlist []string `json:"discovery_allowlist,omitempty"`

	AuthorizeURL                string `json:"authorize_url,omitempty"`
	TokenURL                    string `json:"token_url,omitempty"`
	DeviceAuthorizationEndpoint string `json:"device_authorization_endpoint,omitempty"`
	RevocationURL               string `json:"revocation_url,omitempty"`
	Issuer                      string `json:"issuer,omitempty"`

	ClientID          string   `json:"client_id,omitempty"`
	ClientSecret      string   `json:"client_secret,omitempty"`
	ClientMetadataURL string   `json:"client_metadata_url,omitempty"`
	TokenAuthMethod   string   `json:"token_endpoint_auth_method,omitempty"`
	Scopes            []string `json:"scopes,omitempty"`
	RedirectURI       string   `json:"redirect_uri,omitempty"`

	// Resource overrides the RFC 8707 resource indicator, which is the
	// upstream's URL by default; "none" leaves it out.
	Resource string `json:"resource,omitempty"`
}
