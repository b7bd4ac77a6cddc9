package auth

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/auth"
	"golang.org/x/oauth2"

	"mcpproxy/auth/vault"
)

const (
	tokenWait   = 20 * time.Second // that a request may wait for its token: the SDK asks under its connection's mutex
	renewalWait = 3 * time.Second  // that it may wait for a new one while the old one still holds

	// A token is refused right away if it is no older than this and was given
	// out no more often: for the repeated request and for the next one.
	maxSuspectAge  = 5 * time.Second
	maxSuspectUses = 2
)

// A Handler gives the connection to one upstream its tokens. It is silent:
// what only a person can do becomes a [*NeedsAuthError].
type Handler struct {
	authority *Authority
	target    func() (*target, error)
}

var _ sdk.OAuthHandler = (*Handler)(nil)

// Handler returns the handler for s.
func (a *Authority) Handler(s Server) *Handler {
	return &Handler{a, sync.OnceValues(func() (*target, error) { return a.target(s) })}
}

// TokenSource implements [sdk.OAuthHandler]. The source holds the token of
// this moment, refreshed if need be; one is asked for before each request, as
// the SDK does, because only here is there a context to bound the wait. It is
// nil where there is no credential: the request then goes without, and the
// upstream's challenge tells which scopes a login needs.
//
// Errors are [*NeedsAuthError], [*RefreshError], [*vault.Error] and
// [*ConfigError]; never an oauth2.RetrieveError, in which the SDK would see
// leave to send the request without a token.
func (h *Handler) TokenSource(ctx context.Context) (oauth2.TokenSource, error) {
	t, err := h.target()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, tokenWait)
	defer cancel()
	r, err := h.authority.token(ctx, t)
	none := false
	if e, ok := errors.AsType[*NeedsAuthError](err); ok && e.Reason == NoCredential {
		none, err = true, nil
	}
	if err != nil {
		return nil, err
	}
	h.authority.update(t.Key, func(s *state) {
		err = s.refused.repeat(r.Generation)
		if s.suspect == r.Generation {
			s.suspectUses++
		}
	})
	if none || err != nil {
		return nil, err
	}
	return oauth2.StaticTokenSource(&oauth2.Token{AccessToken: r.AccessToken, TokenType: "Bearer", Expiry: r.Expiry}), nil
}

// token returns a credential whose access token holds, refreshed if need be.
func (a *Authority) token(ctx context.Context, t *target) (vault.Record, error) {
	r, err := a.get(ctx, t)
	if err != nil || !r.Stale(time.Now()) {
		return r, err
	}
	wait := tokenWait
	if !r.Expired(time.Now()) {
		wait = renewalWait
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	fresh, err := a.renew(ctx, t, r, false)
	if err != nil && !r.Expired(time.Now()) {
		return r, nil
	}
	return fresh, err
}

// Authorize implements [sdk.OAuthHandler] for an answer 401 or 403. nil means
// that the request is worth sending again. It never waits for a person, and
// may be called any number of times for one cause, as the SDK does for the two
// handshakes of one connect.
func (h *Handler) Authorize(ctx context.Context, req *http.Request, resp *http.Response) error {
	defer drain(resp.Body)
	t, err := h.target()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, tokenWait)
	defer cancel()
	c := readChallenge(resp.Header)
	h.authority.update(t.Key, func(s *state) {
		c.metadataURL = cmp.Or(c.metadataURL, s.challenge.metadataURL)
		s.challenge = c
	})
	used, _ := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	if resp.StatusCode == http.StatusForbidden && used != "" {
		return h.authority.handleForbidden(ctx, t, used, c)
	}
	err = h.authority.handleUnauthorized(ctx, t, used, c)
	if e, ok := errors.AsType[*NeedsAuthError](err); ok && req.Header.Get("Mcp-Method") == "server/discover" {
		r, _ := h.authority.vault.Get(ctx, t.Key) // the zero record if there is none
		h.authority.update(t.Key, func(s *state) { s.refused = refusedProbe{e, r.Generation, time.Now()} })
	}
	return err
}

// A refusedProbe remembers for a moment that the first request of a connect,
// server/discover, needs a login. The SDK takes that for an old server and
// goes on to initialize, whose own failure would then be all that the caller
// gets to see.
type refusedProbe struct {
	err        *NeedsAuthError
	generation uint64 // of the credential that did not help, 0 if there was none
	at         time.Time
}

// probeMemory is longer than the time between the two requests of a connect.
const probeMemory = 2 * time.Second

func (p refusedProbe) repeat(generation uint64) error {
	if p.err == nil || p.generation != generation || time.Since(p.at) > probeMemory {
		return nil
	}
	return p.err
}

// handleForbidden handles a 403: more scopes are needed, or nothing can be done.
func (a *Authority) handleForbidden(ctx context.Context, t *target, used string, c challenge) error {
	r, err := a.get(ctx, t)
	if err != nil {
		return withScopes(err, c)
	}
	if r.AccessToken != used {
		return nil // another login has finished in between
	}
	if c.code != insufficientScope || len(c.scopes) == 0 {
		return &ForbiddenError{Server: t.Name}
	}
	// A scope that was granted, or asked for and not granted, would not be
	// granted by the next login either; the specification asks for a limit.
	held := r.Scopes
	a.update(t.Key, func(s *state) { held = union(held, s.asked) })
	if contains(held, c.scopes) {
		return &ForbiddenError{Server: t.Name, Scopes: c.scopes}
	}
	return t.needsAuth(InsufficientScope, c.scopes...)
}

// handleUnauthorized handles a 401.
func (a *Authority) handleUnauthorized(ctx context.Context, t *target, used string, c challenge) error {
	r, err := a.get(ctx, t)
	if err != nil {
		return withScopes(err, c)
	}
	if r.AccessToken != used {
		return nil // there is a newer one
	}
	var useless bool
	a.update(t.Key, func(s *state) {
		useless = s.suspect == r.Generation && s.suspectUses <= maxSuspectUses && time.Since(r.IssuedAt) < maxSuspectAge
	})
	if useless {
		return t.needsAuth(Rejected, union(c.scopes, r.Scopes)...)
	}
	if a.issuerChanged(ctx, t, r, c) {
		return t.needsAuth(IssuerChanged, c.scopes...)
	}
	fresh, err := a.renew(ctx, t, r, false)
	if err != nil {
		return withScopes(err, c)
	}
	a.update(t.Key, func(s *state) {
		if s.suspect != fresh.Generation { // several calls may meet the same refusal
			s.suspect, s.suspectUses = fresh.Generation, 0
		}
	})
	return nil
}

// issuerChanged reports whether the upstream now names other authorization servers
// than the one that issued r, whose refresh token would then be of no use.
func (a *Authority) issuerChanged(ctx context.Context, t *target, r vault.Record, c challenge) bool {
	if !t.Config.Discovery {
		return false
	}
	p, found, err := t.resourceMetadata(ctx, c)
	return err == nil && found && len(p.AuthorizationServers) > 0 &&
		!slices.ContainsFunc(p.AuthorizationServers, func(s string) bool { return sameIssuer(s, r.Issuer) })
}

// withScopes adds the scopes of the upstream's challenge to an error that
// asks for a login.
func withScopes(err error, c challenge) error {
	if e, ok := errors.AsType[*NeedsAuthError](err); ok && len(c.scopes) > 0 {
		return &NeedsAuthError{Server: e.Server, Reason: e.Reason, Scopes: c.scopes}
	}
	return err
}
