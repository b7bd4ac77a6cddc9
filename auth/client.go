package auth

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"mcpproxy/auth/egress"
	"mcpproxy/auth/vault"
)

// Token endpoint authentication methods, RFC 7591 section 2.
const (
	authNone  = "none"
	authBasic = "client_secret_basic"
	authPost  = "client_secret_post"
)

// Grant types, RFC 7591 section 2 and RFC 8628 section 3.4.
const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
	grantDevice  = "urn:ietf:params:oauth:grant-type:device_code"
)

// clientName is what a person reads on a consent page.
const clientName = "proxy (local MCP proxy)"

// knownClient returns the client that the authorization server already
// knows: the configured one, or our Client ID Metadata Document where the
// server supports such documents.
func (t *target) knownClient(e endpoints) (vault.Client, bool) {
	c := t.Config
	if c.ClientID != "" {
		return vault.Client{ID: c.ClientID, AuthMethod: t.authMethod(e, c.ClientSecret != "")}, true
	}
	if e.cimdSupported && c.ClientMetadataURL != "" {
		return vault.Client{ID: c.ClientMetadataURL, MetadataURL: c.ClientMetadataURL, AuthMethod: authNone}, true
	}
	return vault.Client{}, false
}

// authMethod chooses how to authenticate at the token endpoint. A server
// that lists no methods supports client_secret_basic (RFC 8414 section 2).
func (t *target) authMethod(e endpoints, secret bool) string {
	switch {
	case t.Config.TokenAuthMethod != "":
		return t.Config.TokenAuthMethod
	case !secret:
		return authNone
	case slices.Contains(e.authMethods, authPost) && !slices.Contains(e.authMethods, authBasic):
		return authPost
	}
	return authBasic
}

// registration is the client metadata of RFC 7591 section 2.
type registration struct {
	ClientName      string   `json:"client_name"`
	ApplicationType string   `json:"application_type"` // OpenID Connect Registration section 2: "native" for loopback redirects
	RedirectURIs    []string `json:"redirect_uris"`
	GrantTypes      []string `json:"grant_types"`
	ResponseTypes   []string `json:"response_types"`
	AuthMethod      string   `json:"token_endpoint_auth_method"`
	Scope           string   `json:"scope,omitempty"`
}

// register registers a client dynamically, RFC 7591. It names no scope, because
// many servers allow a client only what it registered, and a later login may
// ask for more. Where the server answers with scopes and one that is wanted is
// not among them, or refuses a registration without, it registers again and names
// all that are wanted.
func (a *Authority) register(ctx context.Context, t *target, e endpoints, redirectURI string, wanted []string) (vault.Client, error) {
	c, err := a.registerWith(ctx, t, e, redirectURI, nil)
	if len(wanted) > 0 && missesScope(err) {
		return a.registerWith(ctx, t, e, redirectURI, wanted)
	}
	if err != nil || allows(c, wanted) {
		return c, err
	}
	if named, err := a.registerWith(ctx, t, e, redirectURI, wanted); err == nil {
		return named, nil
	}
	return c, nil // the authorization server says what is wrong with the scopes
}

// missesScope reports whether a registration was refused with words about its
// scope.
func missesScope(err error) bool {
	f, answered := factOf(err)
	return answered && !AsksToWait(err) && (f.status == http.StatusBadRequest || f.status == http.StatusUnprocessableEntity) &&
		strings.Contains(strings.ToLower(f.code+" "+f.words), "scope")
}

// allows reports whether a registration allows the scopes.
func allows(c vault.Client, scopes []string) bool {
	return c.Scopes == nil || contains(c.Scopes, scopes)
}

// registerWith registers a client with those scopes.
//
// It does not use oauthex.RegisterClient, whose errors quote the whole
// response, up to 1 MiB and possibly with a client secret.
func (a *Authority) registerWith(ctx context.Context, t *target, e endpoints, redirectURI string, scopes []string) (vault.Client, error) {
	if e.register == "" {
		return vault.Client{}, t.clientRequired(e)
	}
	r := registration{
		ClientName:      clientName,
		ApplicationType: "native",
		RedirectURIs:    []string{redirectURI},
		GrantTypes:      []string{grantCode, grantRefresh},
		ResponseTypes:   []string{"code"},
		AuthMethod:      t.wantedMethod(e),
		Scope:           strings.Join(scopes, " "),
	}
	if u, err := egress.ParseURL(redirectURI); err == nil && !egress.IsLoopback(u.Hostname()) {
		r.ApplicationType = "web"
	}
	if e.device != "" {
		r.GrantTypes = append(r.GrantTypes, grantDevice)
	}
	resp, err := t.postJSON(ctx, e.register, r)
	id := resp.text("client_id")
	if e.guessed && (isNoRegistration(err) || err == nil && id == "") {
		// Nobody said that there is an authorization server at all.
		return vault.Client{}, t.deadEnd(NoMetadata, t.bareURL(), errUnpublished)
	}
	if err == nil && id == "" {
		err = &AnswerError{Host: hostOf(e.register), Err: errNoClientID}
		if v := resp["client_id"]; v != nil && string(v) != "null" && v[0] != '"' {
			err = &AnswerError{Host: hostOf(e.register), Err: errOddClientID}
		}
	}
	if err != nil && !isBlocked(err) {
		required := t.clientRequired(e)
		required.Endpoint, required.Err = t.tell(e.register, 200), err
		err = required
	}
	if err != nil {
		return vault.Client{}, err
	}
	c := vault.Client{
		ID: id, Secret: resp.text("client_secret"), Registered: true,
		RedirectURIs: r.RedirectURIs, Scopes: resp.scopes(),
	}
	a.registerSecrets(c.Secret)
	// The server may have changed what was asked for (RFC 7591 section
	// 3.2.1). If it issues a secret without a method, the default method
	// applies.
	switch c.AuthMethod = resp.text("token_endpoint_auth_method"); {
	case c.Secret == "":
		c.AuthMethod = authNone
	case c.AuthMethod == "":
		c.AuthMethod = t.authMethod(e, true)
	}
	return c, nil
}

var (
	errNoClientID  = errors.New("answer names no client_id")
	errOddClientID = errors.New("the client_id of the answer is not a string")
)

// clientRequired is the error for a server that registers no clients.
func (t *target) clientRequired(e endpoints) *ClientRequiredError {
	return &ClientRequiredError{Issuer: t.tell(e.issuer, 200), RedirectURI: cmp.Or(t.Config.RedirectURI, defaultRedirect)}
}

// isNoRegistration reports whether err is the answer of an address without a
// registration endpoint.
func isNoRegistration(err error) bool {
	if e, ok := errors.AsType[*HTTPError](err); ok {
		return e.Status < 500 && e.Status != http.StatusTooManyRequests
	}
	return errors.Is(err, errBadResponse) || errors.Is(err, errTooBig)
}

// wantedMethod is the method to register with. A native client cannot keep a
// secret (RFC 8252 section 8.5), so "none" where the server supports it.
func (t *target) wantedMethod(e endpoints) string {
	if t.Config.TokenAuthMethod != "" {
		return t.Config.TokenAuthMethod
	}
	for _, m := range []string{authNone, authBasic, authPost} {
		if len(e.authMethods) == 0 || slices.Contains(e.authMethods, m) {
			return m
		}
	}
	return authNone
}

// reusable returns the client that old, a login at the same issuer, registered,
// if it may ask for the wanted scopes. It is not reused if the server has
// answered invalid_client at a refresh, nor if a login with it is still
// unfinished: the person may have seen a page that says "unknown client".
func (a *Authority) reusable(ctx context.Context, t *target, e endpoints, old vault.Record, wanted []string) (vault.Client, bool) {
	if !old.Client.Registered || !allows(old.Client, wanted) || e.register == "" {
		return vault.Client{}, false
	}
	if ix, err := a.vault.Index(); err == nil && ix.Credentials[t.Key].RefreshError == invalidClient {
		return vault.Client{}, false
	}
	if p, err := a.vault.Pending(ctx, t.Key); err == nil && p.Client.ID == old.Client.ID {
		return vault.Client{}, false
	}
	return old.Client, true
}
