package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/oauthex"

	"mcpproxy/auth/vault"
)

// endpoints are what a login needs to know of an authorization server.
// Values from the configuration override those from metadata.
type endpoints struct {
	issuer       string // RFC 8414; empty for configured endpoints without one
	fromMetadata bool
	guessed      bool // at the fixed paths of 2025-03-26, without any metadata

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
			// Some servers write single quotes, which are no quotes there.
			c.metadataURL = cmp.Or(c.metadataURL, strings.Trim(p.Params["resource_metadata"], "' "))
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

// findEndpoints returns the first endpoints of t with which a login by flow can
// begin, from the configuration and, if allowed, from metadata. old is the
// last login of t. If there are none, the error is that of the first.
func (t *target) findEndpoints(ctx context.Context, c challenge, flow Flow, old vault.Record) (endpoints, error) {
	var firstErr error
	for e, err := range t.candidates(ctx, c) {
		if err == nil {
			e.authorize = cmp.Or(t.Config.AuthorizeURL, e.authorize)
			e.token = cmp.Or(t.Config.TokenURL, e.token)
			e.device = cmp.Or(t.Config.DeviceAuthorizationEndpoint, e.device)
			e.revoke = cmp.Or(t.Config.RevocationURL, e.revoke)
			err = t.checkEndpoints(e, flow, old)
		}
		if err == nil {
			return e, nil
		}
		firstErr = cmp.Or(firstErr, err)
		if ctx.Err() != nil {
			break
		}
	}
	return endpoints{}, firstErr
}

// maxServers bounds how many of the authorization servers that a resource
// names are tried.
const maxServers = 4

// candidates are the endpoints, or what is wrong with them, of each
// authorization server that the upstream names.
func (t *target) candidates(ctx context.Context, c challenge) iter.Seq2[endpoints, error] {
	return func(yield func(endpoints, error) bool) {
		if !t.Config.Discovery {
			yield(endpoints{resource: t.resource(), issuer: t.Config.Issuer}, nil)
			return
		}
		p, found, err := t.resourceMetadata(ctx, c)
		if reasonOfDiscovery(err) == BadChallenge {
			if e, err := t.legacy(ctx); err == nil && e.fromMetadata {
				yield(e, nil)
				return
			}
		}
		if err == nil && !found {
			yield(t.legacy(ctx))
			return
		}
		var issuers []string
		if err == nil {
			issuers, err = t.issuers(p)
		}
		if err != nil {
			yield(endpoints{}, err)
			return
		}
		for _, issuer := range issuers[:min(len(issuers), maxServers)] {
			if !yield(t.serverOf(ctx, p, issuer)) {
				return
			}
		}
	}
}

// serverOf returns the endpoints of one of the authorization servers of p.
func (t *target) serverOf(ctx context.Context, p protectedResource, issuer string) (endpoints, error) {
	as, found, err := t.serverMetadata(ctx, issuer)
	if err == nil && !found {
		err = t.deadEnd(NoMetadata, issuer, errNoMetadata)
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
		return endpoints{}, t.deadEnd(NoMetadata, t.bareURL(), errNoMetadata)
	}
	as, found, err := t.serverMetadata(ctx, origin)
	if err != nil {
		return endpoints{}, err
	}
	e := endpoints{issuer: origin, authorize: origin + "/authorize", token: origin + "/token", register: origin + "/register", guessed: true}
	if found {
		e = as.endpoints()
	}
	e.resource = t.resource()
	return e, nil
}

var (
	errNoMetadata  = errors.New("not found")
	errUnpublished = errors.New("the server publishes no metadata about its login")
	errNoServer    = errors.New("names no authorization server")
	errNoResource  = errors.New("names no resource")
	errNoIssuer    = errors.New("names no issuer")
	errNoEndpoint  = errors.New("names no token endpoint")
	errNoAuthorize = errors.New("names no authorization endpoint")
	errNoJSON      = errors.New("is no JSON document")
	errNoObject    = errors.New("is no JSON object")
)

// issuers returns the authorization servers of p that may be used.
func (t *target) issuers(p protectedResource) ([]string, error) {
	if len(p.AuthorizationServers) == 0 {
		err := errNoServer
		if p.odd["authorization_servers"] {
			err = errors.New("authorization_servers is no list of URLs")
		}
		return nil, t.deadEnd(NoServer, p.url, err)
	}
	if t.Config.Issuer == "" {
		return p.AuthorizationServers, nil
	}
	i := slices.IndexFunc(p.AuthorizationServers, func(s string) bool { return sameIssuer(s, t.Config.Issuer) })
	if i < 0 {
		return nil, t.deadEnd(OtherIssuer, p.url,
			fmt.Errorf("names %s and not the configured oauth.issuer", t.quoted(p.AuthorizationServers[0])))
	}
	return p.AuthorizationServers[i : i+1], nil
}

// drain reads the rest of a body, so that its connection can be reused.
func drain(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, io.LimitReader(body, 64<<10))
	body.Close()
}
