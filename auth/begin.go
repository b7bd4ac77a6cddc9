package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"golang.org/x/oauth2"

	"mcpproxy/auth/egress"
	"mcpproxy/auth/vault"
)

// A Flow is a way to log in.
type Flow string

const (
	FlowAuto    Flow = ""        // the device flow where it is offered, otherwise the code flow
	FlowBrowser Flow = "browser" // code flow; pasting the redirect URL works too
	FlowPaste   Flow = "paste"   // code flow, without a listener
	FlowDevice  Flow = "device"  // RFC 8628
)

// LoginOptions say how to log in.
type LoginOptions struct {
	Flow Flow
	// Scopes to ask for, in addition to those granted before. If empty, the
	// scopes of the upstream's challenge, of its metadata or of the
	// configuration.
	Scopes []string
	// Notice, if it is not nil, is called with each failure after which the
	// login still waits and of which nobody else is told: of the browser's
	// callback, and of polling when it fails in another way than before. It
	// must not block.
	Notice func(error)
}

// codeLife is how long a code flow may take.
const codeLife = 10 * time.Minute

// Begin starts a login to s and returns what to show the person. It
// supersedes the pending login of any process. ctx bounds discovery and
// registration; the login itself runs until it succeeds, fails, expires or
// is cancelled, or until the Authority is closed.
//
// Errors: [*ConfigError], [*DiscoveryError], [*egress.BlockedHostError] and
// [*egress.BlockedAddressError] (perhaps within a DiscoveryError),
// [*ClientRequiredError], [*OAuthError] and [*HTTPError] of a device
// authorization request, [*LoginError] with NoDevice, [*vault.Error],
// network errors.
func (a *Authority) Begin(ctx context.Context, s Server, o LoginOptions) (*Login, error) {
	t, err := a.target(s)
	if err != nil {
		return nil, err
	}
	// A vault that cannot be read could not store the tokens either, which
	// the person should know before logging in. A damaged record is no
	// obstacle: the login replaces it.
	old, err := a.get(ctx, t)
	if err != nil && !needsLogin(err) && !isReplaceable(err) {
		return nil, err
	}
	c := a.lastChallenge(ctx, t)
	e, err := t.findEndpoints(ctx, c, o.Flow, old)
	if err != nil {
		return nil, err
	}
	if !sameIssuer(old.Issuer, e.issuer) {
		old = vault.Record{} // its client and scopes are of another server
	}
	b := loginRequest{t: t, e: e, old: old, notice: o.Notice, scopes: scopesFor(o, c, e, old, t.Config.Scopes)}
	if e.byDevice(o.Flow) {
		return a.beginDevice(ctx, b)
	}
	return a.beginCode(ctx, b, o.Flow)
}

// A loginRequest is what both flows start from.
type loginRequest struct {
	t      *target
	e      endpoints
	old    vault.Record // of the same issuer, or zero
	scopes []string
	notice func(error)
}

// lastChallenge returns the last challenge of the upstream, and asks for one
// if this process has seen none.
func (a *Authority) lastChallenge(ctx context.Context, t *target) challenge {
	var c challenge
	a.update(t.Key, func(s *state) { c = s.challenge })
	if c.metadataURL == "" && t.Config.Discovery {
		probed := t.probe(ctx)
		c.metadataURL = probed.metadataURL
		if len(c.scopes) == 0 {
			c.scopes = probed.scopes
		}
	}
	return c
}

// byDevice reports whether a login with these endpoints takes the device flow.
func (e endpoints) byDevice(flow Flow) bool {
	return flow == FlowDevice || flow == FlowAuto && e.device != ""
}

// checkEndpoints checks that a login by flow can begin with the endpoints,
// before anything is sent to them. The authorization endpoint is checked like
// the others because the browser is sent there.
func (t *target) checkEndpoints(e endpoints, flow Flow, old vault.Record) error {
	device := e.byDevice(flow)
	used := []string{e.token, e.authorize}
	if device {
		used[1] = e.device
	}
	switch {
	case device && e.device == "":
		return &LoginError{Server: t.Name, Reason: NoDevice}
	case e.token == "":
		return t.deadEndOf(e, BadMetadata, errNoEndpoint)
	case !device && e.authorize == "":
		return t.deadEndOf(e, BadMetadata, errNoAuthorize)
	}
	_, known := t.knownClient(e)
	registered := old.Client.Registered && sameIssuer(old.Issuer, e.issuer)
	if !known && !registered && e.register != "" {
		used = append(used, e.register)
	}
	for _, endpoint := range used {
		u, err := egress.ParseURL(endpoint)
		if err != nil {
			return t.deadEnd(BadMetadata, endpoint, err)
		}
		if err := t.allowlist.Check(u); err != nil {
			return err
		}
	}
	// MCP, Authorization Code Protection: clients must refuse to proceed if
	// code_challenge_methods_supported is absent.
	if e.fromMetadata && !e.pkceS256 && !device {
		return t.deadEndOf(e, NoPKCE, errNoPKCE)
	}
	if !known && e.register == "" {
		return t.clientRequired(e)
	}
	return nil
}

var errNoPKCE = errors.New("does not advertise PKCE with S256")

// scopesFor chooses the scopes to ask for: those that the caller named, or
// else those of the challenge, the metadata or the configuration. Scopes
// granted before are added, and offline_access where it is offered
// (SEP-2207).
func scopesFor(o LoginOptions, c challenge, e endpoints, old vault.Record, configured []string) []string {
	var scopes []string
	for _, candidate := range [][]string{o.Scopes, c.scopes, e.resourceScopes, configured} {
		if len(candidate) > 0 {
			scopes = candidate
			break
		}
	}
	scopes = union(old.Scopes, scopes)
	if slices.Contains(e.serverScopes, offlineAccess) {
		scopes = union(scopes, []string{offlineAccess})
	}
	return scopes
}

// offlineAccess is the OpenID Connect scope for refresh tokens.
const offlineAccess = "offline_access"

// beginCode starts the authorization code flow.
func (a *Authority) beginCode(ctx context.Context, b loginRequest, flow Flow) (*Login, error) {
	known, isKnown := b.t.knownClient(b.e)
	reused, isReused := a.reusable(ctx, b.t, b.e, b.old, b.scopes)
	former := ""
	if !isKnown && isReused {
		former = reused.RedirectURIs[0]
	}
	l, redirectURI, listenErr, err := listen(ctx, b.t.Config.RedirectURI, former, flow)
	if err != nil {
		return nil, err
	}
	client := known
	switch {
	case isKnown:
	case isReused && slices.Contains(reused.RedirectURIs, redirectURI):
		client = reused
	default:
		if client, err = a.register(ctx, b.t, b.e, redirectURI, b.scopes); err != nil {
			l.Close()
			return nil, err
		}
	}
	p := b.pending(client)
	p.Flow, p.Expires = vault.CodeFlow, p.Started.Add(codeLife)
	p.RedirectURI, p.IssRequired = redirectURI, b.e.issPromised
	p.State, p.Verifier = rand.Text(), oauth2.GenerateVerifier()
	a.registerSecrets(p.Verifier)
	p.AuthorizeURL = authorizeURL(p, b.e)
	return a.startLogin(ctx, b, p, l, listenErr)
}

func (b loginRequest) pending(c vault.Client) vault.Pending {
	return vault.Pending{
		ServerURL: b.t.URL, Issuer: b.e.issuer,
		TokenEndpoint: b.e.token, RevocationEndpoint: b.e.revoke,
		Resource: b.e.resource, Scopes: b.scopes, Client: c,
		Started: time.Now().Round(0),
	}
}

// authorizeURL is the authorization request, RFC 6749 section 4.1.1 with RFC
// 7636 and RFC 8707.
func authorizeURL(p vault.Pending, e endpoints) string {
	c := oauth2.Config{
		ClientID: p.Client.ID, RedirectURL: p.RedirectURI, Scopes: p.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: e.authorize},
	}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(p.Verifier)}
	if p.Resource != "" {
		options = append(options, oauth2.SetAuthURLParam("resource", p.Resource))
	}
	if slices.Contains(p.Scopes, offlineAccess) {
		// OpenID Connect Core section 11: without it, offline_access is
		// ignored.
		options = append(options, oauth2.SetAuthURLParam("prompt", "consent"))
	}
	return c.AuthCodeURL(p.State, options...)
}
