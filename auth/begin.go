package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"mcpproxy/auth/egress"
	"mcpproxy/auth/vault"
)

// A Flow is a way to log in.
type Flow string

const (
	FlowAuto    Flow = ""        // the device flow where it is offered, else browser and paste at once
	FlowBrowser Flow = "browser" // code flow; pasting works as well
	FlowPaste   Flow = "paste"   // code flow, without a listener
	FlowDevice  Flow = "device"  // RFC 8628
)

// LoginOptions say how to log in.
type LoginOptions struct {
	Flow Flow
	// Scopes to ask for, beside those that were granted before. Empty: what
	// the upstream's challenge, its metadata or the configuration names.
	Scopes []string
}

// codeLife is how long a code flow may take.
const codeLife = 10 * time.Minute

// Begin starts a login to s and returns what to show the person. It
// supersedes a login that is pending, in whichever process. ctx bounds
// discovery and registration; the login itself goes on until it succeeds,
// fails, expires or is cancelled, or the Authority is closed.
//
// Errors: [*ConfigError], [*DiscoveryError], [*egress.BlockedHostError] and
// [*egress.BlockedAddressError] (perhaps within a DiscoveryError),
// [*ClientRequiredError], [*OAuthError] of a registration or device request,
// [*LoginError] with NoDevice, [*vault.Error], network errors.
func (a *Authority) Begin(ctx context.Context, s Server, o LoginOptions) (*Login, error) {
	t, err := a.target(s)
	if err != nil {
		return nil, err
	}
	// A vault that cannot be read will not take the tokens either: better to
	// know before a person has gone through the login.
	// One whose content is damaged will: it is what a new login mends.
	old, err := a.get(ctx, t)
	if err != nil && !needsLogin(err) && !isReplaceable(err) {
		return nil, err
	}
	c := a.lastChallenge(ctx, t)
	e, err := t.findEndpoints(ctx, c)
	if err != nil {
		return nil, err
	}
	device := o.Flow == FlowDevice || o.Flow == FlowAuto && e.device != ""
	if device && e.device == "" {
		return nil, &LoginError{Server: t.Name, Reason: NoDevice}
	}
	if err := t.checkEndpoints(e, device); err != nil {
		return nil, err
	}
	if !sameIssuer(old.Issuer, e.issuer) {
		old = vault.Record{} // its client and scopes belong to another server
	}
	b := loginRequest{t: t, e: e, old: old, scopes: scopesFor(o, c, e, old, t.Config.Scopes)}
	if device {
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
}

// lastChallenge returns what the upstream last asked for, and asks it if this
// process has not been told yet.
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

// checkEndpoints refuses endpoints that must not be used before anything is sent to
// them. The browser is sent to the authorization endpoint, so it has to be as
// trusted as those that we talk to.
func (t *target) checkEndpoints(e endpoints, device bool) error {
	used := []string{e.token, e.authorize}
	if device {
		used[1] = e.device
	}
	for _, endpoint := range used {
		u, err := egress.ParseURL(endpoint)
		if err != nil {
			return &DiscoveryError{URL: quoted(endpoint), Err: err}
		}
		if err := t.allowlist.Check(u); err != nil {
			return err
		}
	}
	// The MCP specification: a server that does not advertise S256 cannot be
	// trusted to check it.
	if e.fromMetadata && !e.pkceS256 && !device {
		return &DiscoveryError{URL: e.issuer, Err: errNoPKCE}
	}
	return nil
}

var errNoPKCE = errors.New("does not advertise PKCE with S256")

// scopesFor chooses the scopes to ask for: what the person or the model
// named, else the challenge, the metadata, the configuration; with those that
// were granted before, and offline_access where it is offered (SEP-2207).
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

// offlineAccess is OpenID Connect's scope for refresh tokens.
const offlineAccess = "offline_access"

// beginCode starts the authorization code flow.
func (a *Authority) beginCode(ctx context.Context, b loginRequest, flow Flow) (*Login, error) {
	known, isKnown := b.t.knownClient(b.e)
	reused, isReused := a.reusable(ctx, b.t, b.e, b.old)
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
		if client, err = a.register(ctx, b.t, b.e, redirectURI, strings.Join(b.scopes, " ")); err != nil {
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
	return a.startLogin(ctx, b.t, p, l, listenErr)
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
		// OpenID Connect Core section 11: ignored without.
		options = append(options, oauth2.SetAuthURLParam("prompt", "consent"))
	}
	return c.AuthCodeURL(p.State, options...)
}
