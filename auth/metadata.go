package auth

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"mcpproxy/auth/egress"
)

// protectedResource is the part of RFC 9728 metadata that a client needs.
type protectedResource struct {
	Resource             string
	AuthorizationServers []string
	ScopesSupported      []string

	url string          // of the document
	odd map[string]bool // members of another JSON type than they should have
}

func newProtectedResource(url string, d document) protectedResource {
	return protectedResource{
		url:                  url,
		Resource:             d.text("resource"),
		AuthorizationServers: d.list("authorization_servers"),
		ScopesSupported:      d.list("scopes_supported"),
		odd:                  d.odd,
	}
}

// authorizationServer is the part of RFC 8414 metadata that a client needs.
type authorizationServer struct {
	Issuer                string
	AuthorizationEndpoint string
	TokenEndpoint         string
	DeviceEndpoint        string
	RegistrationEndpoint  string
	RevocationEndpoint    string
	ScopesSupported       []string
	AuthMethods           []string
	ChallengeMethods      []string
	ClientIDMetadata      bool
	IssPromised           bool

	odd map[string]bool // as of a protectedResource
}

func newAuthorizationServer(d document) authorizationServer {
	return authorizationServer{
		Issuer:                d.text("issuer"),
		AuthorizationEndpoint: d.text("authorization_endpoint"),
		TokenEndpoint:         d.text("token_endpoint"),
		DeviceEndpoint:        d.text("device_authorization_endpoint"),
		RegistrationEndpoint:  d.text("registration_endpoint"),
		RevocationEndpoint:    d.text("revocation_endpoint"),
		ScopesSupported:       d.list("scopes_supported"),
		AuthMethods:           d.list("token_endpoint_auth_methods_supported"),
		ChallengeMethods:      d.list("code_challenge_methods_supported"),
		ClientIDMetadata:      d.flag("client_id_metadata_document_supported"),
		IssPromised:           d.flag("authorization_response_iss_parameter_supported"),
		odd:                   d.odd,
	}
}

// A document holds the members of a metadata document. Each is decoded on its
// own, so that one of another type does not spoil the others.
type document struct {
	members map[string]json.RawMessage
	odd     map[string]bool
}

// decode decodes a member. One that is missing or null stays as it is, and
// one of another type is noted.
func (d document) decode(name string, v any) (ok bool) {
	raw, found := d.members[name]
	if !found || string(raw) == "null" {
		return false
	}
	if json.Unmarshal(raw, v) != nil {
		d.odd[name] = true
		return false
	}
	return true
}

func (d document) text(name string) (s string) {
	d.decode(name, &s)
	return s
}

func (d document) flag(name string) (b bool) {
	return d.decode(name, &b) && b
}

// list returns the strings of a list, or the words of a single string. A list of
// other things alone is odd.
func (d document) list(name string) (list []string) {
	var elements []any
	if d.decode(name, &elements) {
		for _, e := range elements {
			if s, ok := e.(string); ok {
				list = append(list, s)
			}
		}
		d.odd[name] = len(list) == 0 && len(elements) > 0
		return list
	}
	return strings.Fields(d.text(name))
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
	var unusable, firstErr error // the URL of the challenge, if it is no good; the first document that is none
	root := url.URL{Scheme: t.url.Scheme, Host: t.url.Host}
	if path := strings.TrimSuffix(t.url.EscapedPath(), "/"); path != "" {
		urls = append(urls, root.String()+wellKnown+path)
	}
	urls = append(urls, root.String()+wellKnown)
	for _, u := range urls {
		if u == "" {
			continue
		}
		if u == c.metadataURL {
			if unusable = t.checkChallenge(u); unusable != nil {
				continue
			}
		}
		d, found, err := t.fetch(ctx, u)
		if err != nil && reasonOfDiscovery(err) == "" {
			return p, false, err
		}
		if found {
			p = newProtectedResource(u, d)
			if err = t.checkResource(u, p); err == nil {
				return p, true, nil
			}
		}
		firstErr = cmp.Or(firstErr, err) // a document that is no good must not hide another
	}
	return protectedResource{}, false, cmp.Or(firstErr, unusable)
}

// checkChallenge reports why the URL of a challenge cannot be fetched, so that
// only the well-known URLs are left.
func (t *target) checkChallenge(rawURL string) error {
	u, err := egress.ParseURL(rawURL)
	if err != nil {
		return t.deadEnd(BadChallenge, rawURL, err)
	}
	if err := t.allowlist.Check(u); err != nil {
		return &DiscoveryError{URL: t.tell(rawURL, 200), Err: err}
	}
	return nil
}

// checkResource validates the metadata, RFC 9728 section 3.3. A person who
// configures the resource may do without that of the metadata.
func (t *target) checkResource(u string, p protectedResource) error {
	switch {
	case p.Resource == "" && t.Config.Resource != "", covers(p.Resource, t.url):
		return nil
	case p.odd["resource"]:
		return t.deadEnd(NoResource, u, errors.New("resource is no string"))
	case p.Resource == "":
		return t.deadEnd(NoResource, u, errNoResource)
	}
	return t.deadEnd(OtherResource, u, fmt.Errorf("is about %s, not about %s", t.quoted(p.Resource), t.bareURL()))
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
		return as, false, t.deadEnd(BadMetadata, issuer, cmp.Or(err, egress.ErrNotURL))
	}
	origin := (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	urls := []string{origin + "/.well-known/oauth-authorization-server" + path, origin + "/.well-known/openid-configuration" + path}
	if path != "" {
		urls = append(urls, origin+path+"/.well-known/openid-configuration")
	}
	var firstErr error
	for _, u := range urls {
		d, found, err := t.fetch(ctx, u)
		if err == nil && found {
			as = newAuthorizationServer(d)
			if reason, wrong := t.checkServer(as, issuer); wrong != nil {
				err = t.deadEnd(reason, u, wrong)
			}
		}
		if err != nil && reasonOfDiscovery(err) == "" {
			return as, false, err
		}
		if firstErr = cmp.Or(firstErr, err); err != nil || !found {
			continue // a document that is no good must not hide another
		}
		return as, true, nil
	}
	return authorizationServer{}, false, firstErr
}

// checkServer validates the metadata, RFC 8414 section 3.3.
func (t *target) checkServer(as authorizationServer, issuer string) (DiscoveryReason, error) {
	for _, name := range []string{"issuer", "token_endpoint", "authorization_endpoint"} {
		if as.odd[name] {
			return BadMetadata, errors.New(name + " is no string")
		}
	}
	switch {
	case as.Issuer == "":
		return OtherIssuer, errNoIssuer
	case !sameIssuer(as.Issuer, issuer):
		return OtherIssuer, fmt.Errorf("is of issuer %s, not of %s", t.quoted(as.Issuer), t.quoted(issuer))
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
			return BadMetadata, fmt.Errorf("%s %s %w", f.name, t.quoted(f.value), err)
		}
	}
	return "", nil
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

// fetch reads the JSON document at rawURL. A 4xx status means that it is not
// found, and so does a page, which single-page applications serve at every
// path, whatever they call its media type.
func (t *target) fetch(ctx context.Context, rawURL string) (d document, found bool, err error) {
	fail := func(err error) (document, bool, error) {
		return document{}, false, &DiscoveryError{URL: t.tell(rawURL, 200), Err: err}
	}
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
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	switch {
	case resp == nil:
		return fail(err)
	case resp.StatusCode >= 400 && resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests:
		return d, false, nil
	case resp.StatusCode != http.StatusOK:
		return fail(&HTTPError{Host: resp.Request.URL.Host, Status: resp.StatusCode, RetryAfter: retryAfter(resp)})
	case errors.Is(err, errTooBig) && isPage(resp, body):
		return d, false, nil
	case err != nil:
		return fail(err)
	}
	d = document{odd: map[string]bool{}}
	if json.Unmarshal(body, &d.members) != nil || d.members == nil {
		if isPage(resp, body) {
			return d, false, nil
		}
		err := errNoObject
		if !json.Valid(body) {
			err = errNoJSON
		}
		return d, false, t.deadEnd(BadMetadata, rawURL, err)
	}
	return d, true, nil
}

// isPage reports whether a body that is no JSON object is meant for a browser.
func isPage(resp *http.Response, body []byte) bool {
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return mediaType == "text/html" || bytes.HasPrefix(body, []byte("<"))
}
