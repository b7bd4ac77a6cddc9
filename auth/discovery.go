package auth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/oauthex"

	"mcpproxy/auth/egress"
)

// endpoints are what a login needs to know of an authorization server.
// Values from the configuration override those from metadata.
type endpoints struct {
	issuer       string // RFC 8414; empty for configured endpoints without one
	fromMetadata bool

	authorize, token, device, register, revoke string

	resource       string   // RFC 8707; empty leaves the parameter out
	resourceScopes []string // from the metadata of the upstream
	serverScopes   []string // supported by the authorization server
	authMethods    []string // of the token endpoint; empty if not listed
	pkceS256       bool     // advertised
	issPromised    bool     // RFC 9207
	cimdSupported  bool     // Client ID Metadata Documents
}

// A challenge is what a WWW-Authenticate header asked for (RFC 6750 section 3,
// RFC 9728 section 5.1).
type challenge struct {
	metadataURL string
	scopes      []string
	code        string
}

func readChallenge(h http.Header) challenge {
	var c challenge
	for _, line := range h.Values("WWW-Authenticate") {
		parsed, err := oauthex.ParseWWWAuthenticate([]string{line})
		if err != nil {
			continue // a malformed header must not hide another
		}
		for _, p := range parsed {
			c.metadataURL = cmp.Or(c.metadataURL, p.Params["resource_metadata"])
			if p.Scheme == "bearer" {
				c.code = cmp.Or(c.code, p.Params["error"])
				if c.scopes == nil {
					c.scopes = slices.DeleteFunc(strings.Fields(p.Params["scope"]), func(s string) bool { return !isScope(s) })
				}
			}
		}
	}
	return c
}

// probe sends a request without a token, for the challenge that names the
// metadata and the scopes. Without a challenge, discovery uses the
// well-known URLs.
func (t *target) probe(ctx context.Context) challenge {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.URL, nil)
	if err != nil {
		return challenge{}
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := t.client.Do(req)
	if err != nil {
		return challenge{}
	}
	resp.Body.Close() // the response may be an endless event stream
	if resp.StatusCode != http.StatusUnauthorized {
		return challenge{}
	}
	return readChallenge(resp.Header)
}

// findEndpoints returns the endpoints of t, from the configuration and, if
// allowed, from metadata.
func (t *target) findEndpoints(ctx context.Context, c challenge) (endpoints, error) {
	var e endpoints
	if t.Config.Discovery {
		var err error
		if e, err = t.discover(ctx, c); err != nil {
			return e, err
		}
	} else {
		e.resource, e.issuer = t.resource(), t.Config.Issuer
	}
	e.authorize = cmp.Or(t.Config.AuthorizeURL, e.authorize)
	e.token = cmp.Or(t.Config.TokenURL, e.token)
	e.device = cmp.Or(t.Config.DeviceAuthorizationEndpoint, e.device)
	e.revoke = cmp.Or(t.Config.RevocationURL, e.revoke)
	return e, nil
}

// protectedResource is the part of RFC 9728 metadata that a client needs.
type protectedResource struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers"`
	ScopesSupported      []string `json:"scopes_supported"`
}

// authorizationServer is the part of RFC 8414 metadata that a client needs.
type authorizationServer struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	DeviceEndpoint        string   `json:"device_authorization_endpoint"`
	RegistrationEndpoint  string   `json:"registration_endpoint"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	ScopesSupported       []string `json:"scopes_supported"`
	AuthMethods           []string `json:"token_endpoint_auth_methods_supported"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported"`
	ClientIDMetadata      bool     `json:"client_id_metadata_document_supported"`
	IssPromised           bool     `json:"authorization_response_iss_parameter_supported"`
}

func (t *target) discover(ctx context.Context, c challenge) (endpoints, error) {
	p, found, err := t.resourceMetadata(ctx, c)
	if err != nil {
		return endpoints{}, err
	}
	if !found {
		return t.legacy(ctx)
	}
	issuer, err := t.chooseIssuer(p.AuthorizationServers)
	if err != nil {
		return endpoints{}, err
	}
	as, found, err := t.serverMetadata(ctx, issuer)
	if err == nil && !found {
		err = &DiscoveryError{URL: issuer, Err: errNoMetadata}
	}
	if err != nil {
		return endpoints{}, err
	}
	e := as.endpoints()
	e.resource, e.resourceScopes = p.Resource, p.ScopesSupported
	if t.Config.Resource != "" {
		e.resource = t.resource()
	}
	return e, nil
}

// legacy follows the specification of 2025-03-26 for servers without
// protected resource metadata: the authorization server is at the origin of
// the upstream, with endpoints at fixed paths if it has no metadata either.
func (t *target) legacy(ctx context.Context) (endpoints, error) {
	origin := (&url.URL{Scheme: t.url.Scheme, Host: t.url.Host}).String()
	if t.Config.Issuer != "" && !sameIssuer(t.Config.Issuer, origin) {
		return endpoints{}, &DiscoveryError{URL: t.bareURL(), Err: errNoMetadata}
	}
	as, found, err := t.serverMetadata(ctx, origin)
	if err != nil {
		return endpoints{}, err
	}
	e := endpoints{issuer: origin, authorize: origin + "/authorize", token: origin + "/token", register: origin + "/register"}
	if found {
		e = as.endpoints()
	}
	e.resource = t.resource()
	return e, nil
}

var (
	errNoMetadata  = errors.New("not found")
	errNoIssuer    = errors.New("names no authorization server")
	errOtherIssuer = errors.New("does not name the configured oauth.issuer")
	errNoEndpoint  = errors.New("names no token endpoint")
	errNoJSON      = errors.New("is no JSON document")
)

func (t *target) chooseIssuer(issuers []string) (string, error) {
	if len(issuers) == 0 {
		return "", &DiscoveryError{URL: t.bareURL(), Err: errNoIssuer}
	}
	if t.Config.Issuer == "" {
		return issuers[0], nil
	}
	i := slices.IndexFunc(issuers, func(s string) bool { return sameIssuer(s, t.Config.Issuer) })
	if i < 0 {
		return "", &DiscoveryError{URL: t.bareURL(), Err: errOtherIssuer}
	}
	return issuers[i], nil
}

// resourceMetadata fetches RFC 9728 metadata in the order of the MCP
// specification: the URL of the challenge, the well-known URL with the path
// of the server, and the one at the root.
//
// It does not use oauthex.GetProtectedResourceMetadata, which fails on HTML
// pages and gives HTTP statuses no type.
func (t *target) resourceMetadata(ctx context.Context, c challenge) (p protectedResource, found bool, err error) {
	const wellKnown = "/.well-known/oauth-protected-resource"
	urls := []string{c.metadataURL}
	root := url.URL{Scheme: t.url.Scheme, Host: t.url.Host}
	if path := strings.TrimSuffix(t.url.EscapedPath(), "/"); path != "" {
		urls = append(urls, root.String()+wellKnown+path)
	}
	urls = append(urls, root.String()+wellKnown)
	for _, u := range urls {
		if u == "" {
			continue
		}
		found, err := t.fetch(ctx, u, &p)
		if err != nil {
			return p, false, err
		}
		if !found {
			continue
		}
		if !covers(p.Resource, t.url) {
			err := fmt.Errorf("is about %s, not about %s", quoted(p.Resource), t.bareURL())
			return p, false, &DiscoveryError{URL: u, Err: err}
		}
		return p, true, nil
	}
	return p, false, nil
}

// serverMetadata fetches RFC 8414 or OpenID Connect Discovery metadata in
// the order of the MCP specification: with the path of the issuer inserted,
// and for OpenID also appended.
//
// It does not use oauthex.GetAuthServerMeta, which drops the device
// authorization endpoint and the types of all errors.
func (t *target) serverMetadata(ctx context.Context, issuer string) (as authorizationServer, found bool, err error) {
	u, err := egress.ParseURL(issuer)
	if err != nil || u.RawQuery != "" {
		return as, false, &DiscoveryError{URL: quoted(issuer), Err: cmp.Or(err, egress.ErrNotURL)}
	}
	origin := (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	urls := []string{origin + "/.well-known/oauth-authorization-server" + path, origin + "/.well-known/openid-configuration" + path}
	if path != "" {
		urls = append(urls, origin+path+"/.well-known/openid-configuration")
	}
	for _, u := range urls {
		found, err := t.fetch(ctx, u, &as)
		if err != nil {
			return as, false, err
		}
		if !found {
			continue
		}
		if err := as.check(issuer); err != nil {
			return as, false, &DiscoveryError{URL: u, Err: err}
		}
		return as, true, nil
	}
	return as, false, nil
}

// check validates the metadata, RFC 8414 section 3.3.
func (as authorizationServer) check(issuer string) error {
	if !sameIssuer(as.Issuer, issuer) {
		return fmt.Errorf("is of issuer %s, not of %s", quoted(as.Issuer), quoted(issuer))
	}
	if as.TokenEndpoint == "" {
		return errNoEndpoint
	}
	for _, f := range []namedURL{
		{"authorization_endpoint", as.AuthorizationEndpoint},
		{"token_endpoint", as.TokenEndpoint},
		{"device_authorization_endpoint", as.DeviceEndpoint},
		{"registration_endpoint", as.RegistrationEndpoint},
		{"revocation_endpoint", as.RevocationEndpoint},
	} {
		if f.value == "" {
			continue
		}
		if _, err := egress.ParseURL(f.value); err != nil {
			return fmt.Errorf("%s %s %w", f.name, quoted(f.value), err)
		}
	}
	return nil
}

func (as authorizationServer) endpoints() endpoints {
	return endpoints{
		issuer:        as.Issuer,
		authorize:     as.AuthorizationEndpoint,
		token:         as.TokenEndpoint,
		device:        as.DeviceEndpoint,
		register:      as.RegistrationEndpoint,
		revoke:        as.RevocationEndpoint,
		serverScopes:  as.ScopesSupported,
		authMethods:   as.AuthMethods,
		issPromised:   as.IssPromised,
		cimdSupported: as.ClientIDMetadata,
		fromMetadata:  true,
		pkceS256:      slices.Contains(as.ChallengeMethods, "S256"),
	}
}

// fetch reads the JSON document at rawURL into v. A 4xx status means that it
// is not found, and so does an HTML page, which single-page applications
// serve at every path.
func (t *target) fetch(ctx context.Context, rawURL string, v any) (found bool, err error) {
	fail := func(err error) (bool, error) { return false, &DiscoveryError{URL: clean(rawURL, 200), Err: err} }
	u, err := egress.ParseURL(rawURL)
	if err != nil {
		return fail(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fail(egress.ErrNotURL)
	}
	req.Header.Set("Accept", "application/json")
	resp, body, err := t.do(req)
	switch {
	case err != nil:
		return fail(err)
	case resp.StatusCode >= 400 && resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests:
		return false, nil
	case resp.StatusCode != http.StatusOK:
		return fail(&HTTPError{Host: resp.Request.URL.Host, Status: resp.StatusCode, RetryAfter: retryAfter(resp)})
	}
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if mediaType == "text/html" {
		return false, nil
	}
	if json.Unmarshal(body, v) != nil {
		return fail(errNoJSON)
	}
	return true, nil
}

// drain reads the rest of a body, so that its connection can be reused.
func drain(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, io.LimitReader(body, 64<<10))
	body.Close()
}
