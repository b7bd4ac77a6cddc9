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
	tokenWait   = 20 * time.Second // that a request may wait for its token; the SDK holds a mutex meanwhile
	renewalWait = 3 * time.Second  // that a request may wait for a new token while the old one is valid

	// A suspect token counts as rejected if it is not older than this and
	// was not used more often: once for the repeated request, once for the
	// next.
	maxSuspectAge  = 5 * time.Second
	maxSuspectUses = 2
)

// A Handler supplies the connection to one upstream with tokens. It never
// starts a login: if only a person can help, it returns a [*NeedsAuthError].
type Handler struct {
	authority *Authority
	target    func() (*target, error)
}

var _ sdk.OAuthHandler = (*Handler)(nil)

// Handler returns the handler for s.
func (a *Authority) Handler(s Server) *Handler {
	return &Handler{a, sync.OnceValues(func() (*target, error) { return a.target(s) })}
}

// TokenSource implements [sdk.OAuthHandler]. The source holds the current
// token, refreshed if necessary. The SDK asks for a source before each
// request, which is the only place with a context that bounds the refresh.
// The source is nil if there is no credential: the request then goes without
// a token, and the challenge of the upstream tells which scopes a login
// needs.
//
// Errors are [*NeedsAuthError], [*RefreshError], [*vault.Error] and
// [*ConfigError], but never an oauth2.RetrieveError, after which the SDK
// would send the request without a token.
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
		s.used = s.used || !none && err == nil
	})
	if none || err != nil {
		return nil, err
	}
	return oauth2.StaticTokenSource(&oauth2.Token{AccessToken: r.AccessToken, TokenType: "Bearer", Expiry: r.Expiry}), nil
}

// token returns a credential with a valid access token, refreshed if
// necessary. While the old one is valid, it does not wait long for a new one.
func (a *Authority) token(ctx context.Context, t *target) (vault.Record, error) {
	r, err := a.get(ctx, t)
	if err != nil || !r.Stale(time.Now()) {
		return r, err
	}
	if !r.Expired(time.Now()) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, renewalWait)
		defer cancel()
	}
	fresh, err := a.renew(ctx, t, r, false)
	if err != nil && !r.Expired(time.Now()) {
		return r, nil
	}
	return fresh, err
}

// Authorize implements [sdk.OAuthHandler] for the status 401 or 403. nil
// means that the request should be sent again. It never waits for a person.
// The SDK may call it twice for the same cause, in the two handshakes of one
// connect.
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
	used := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
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

// A refusedProbe remembers that server/discover, the first request of a
// connect, needs a login. The SDK takes the refusal for an old server and
// sends initialize, whose error alone would reach the caller.
type refusedProbe struct {
	err        *NeedsAuthError
	generation uint64 // of the credential that was refused, 0 if there was none
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

// handleForbidden handles a 403, which asks for more scopes or is final.
func (a *Authority) handleForbidden(ctx context.Context, t *target, used string, c challenge) error {
	r, err := a.get(ctx, t)
	if err != nil {
		return withScopes(err, c)
	}
	if r.AccessToken != used {
		return nil // a new login has finished meanwhile
	}
	if c.code != insufficientScope || len(c.scopes) == 0 {
		return &ForbiddenError{Server: t.Name}
	}
	// Asking again for a scope that was granted or refused before would not
	// end; the MCP specification asks for a limit on step-up attempts.
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
		return nil // there is a newer token
	}
	var useless bool
	a.update(t.Key, func(s *state) {
		useless = s.suspect == r.Generation && s.suspectUses <= maxSuspectUses &&
			time.Since(r.IssuedAt) < maxSuspectAge && !isShort(r)
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
		if s.suspect != fresh.Generation { // several requests may be refused with the same token
			s.suspect, s.suspectUses = fresh.Generation, 0
		}
	})
	return nil
}

// isShort reports whether a token lives so briefly that its life may be over when it
// arrives. Servers count in whole seconds, and need not begin where we do.
func isShort(r vault.Record) bool {
	return !r.Expiry.IsZero() && r.Expiry.Sub(r.IssuedAt) <= maxSuspectAge
}

// issuerChanged reports whether the upstream no longer names the
// authorization server that issued r. Its refresh token is then useless.
func (a *Authority) issuerChanged(ctx context.Context, t *target, r vault.Record, c challenge) bool {
	if !t.Config.Discovery {
		return false
	}
	p, found, err := t.resourceMetadata(ctx, c)
	return err == nil && found && len(p.AuthorizationServers) > 0 &&
		!slices.ContainsFunc(p.AuthorizationServers, func(s string) bool { return sameIssuer(s, r.Issuer) })
}

// withScopes adds the scopes of the challenge to a NeedsAuthError.
func withScopes(err error, c challenge) error {
	if e, ok := errors.AsType[*NeedsAuthError](err); ok && len(c.scopes) > 0 {
		return &NeedsAuthError{Server: e.Server, Reason: e.Reason, Scopes: c.scopes, Err: e.Err}
	}
	return err
}
