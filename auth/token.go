package auth

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"mcpproxy/auth/vault"
)

// Error codes that change what happens next: RFC 6749 section 5.2, RFC 8628
// section 3.5, RFC 6750 section 3.1.
const (
	invalidGrant         = "invalid_grant"
	invalidClient        = "invalid_client"
	accessDenied         = "access_denied"
	authorizationPending = "authorization_pending"
	slowDown             = "slow_down"
	expiredToken         = "expired_token"
	insufficientScope    = "insufficient_scope"
)

// codeOf returns the OAuth error code within err, or "".
func codeOf(err error) string {
	if e, ok := errors.AsType[*OAuthError](err); ok {
		return e.Code
	}
	return ""
}

// tokens are a successful token response, RFC 6749 section 5.1.
type tokens struct {
	access, refresh string
	scopes          []string // nil if not named: as asked for
	issued, expiry  time.Time
}

var (
	errNoToken   = errors.New("answer holds no usable access token")
	errTokenType = errors.New("answer holds a token of another type than bearer")
)

// requestTokens sends a token request. It names the resource, as RFC 8707
// section 2.2 asks also for a refresh.
//
// If the answer cannot be used, the tokens beside the error hold only the
// refresh token that was in it, if any. If it was a success, the error is an
// [*AnswerError] or an [*OAuthError].
func (a *Authority) requestTokens(ctx context.Context, t *target, endpoint string, c vault.Client, resource string, form url.Values) (tokens, error) {
	if resource != "" {
		form.Set("resource", resource)
	}
	resp, err := t.post(ctx, endpoint, t.clientOf(c), form)
	// Rounding drops the monotonic clock, which stops while the machine
	// sleeps.
	now := time.Now().Round(0)
	tok := tokens{access: resp.text("access_token"), refresh: resp.text("refresh_token"), issued: now}
	if len(tok.refresh) > maxToken || strings.TrimSpace(tok.refresh) == "" || err != nil && !isTokenResponse(tok, form.Get("refresh_token")) {
		tok.refresh = ""
	}
	if err == nil || tok.refresh != "" {
		a.registerSecrets(tok.access, tok.refresh, resp.text("id_token"))
	}
	if err == nil {
		err = checkTokens(tok, resp.text("token_type"), endpoint)
	}
	if err != nil {
		return tokens{refresh: tok.refresh}, err
	}
	if life := resp.seconds("expires_in"); life > 0 {
		tok.expiry = now.Add(life)
	}
	tok.scopes = resp.scopes()
	return tok, nil
}

// maxToken bounds a token in bytes: a header that is longer reaches hardly any
// server, and the vault would not take the record.
const maxToken = 16 << 10

// words are what a server says of a token instead of sending one, such as
// "expired", "token_expired", "TOKEN_EXPIRED" or "TokenExpired". It is compiled when
// it is first needed, as all in this package, since a start has no time for it.
var words = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:[A-Za-z]{1,15}|[a-z]+(?:[_.][a-z]+)+|[A-Z]+(?:_[A-Z]+)+|[A-Za-z][a-z]+(?:[A-Z][a-z]+)+)$`)
})

// isTokenResponse reports whether an answer that is an error nevertheless holds a
// new refresh token. Some servers name the parameter that they refuse by a member
// with its name, such as "refresh_token": "expired", or repeat what was sent,
// perhaps cut or with asterisks.
func isTokenResponse(tok tokens, sent string) bool {
	return isBearer(tok.refresh) && (len(tok.refresh) >= 16 || tok.access != "") &&
		!words().MatchString(tok.refresh) && !strings.Contains(tok.refresh, "***") && !strings.Contains(sent, tok.refresh)
}

func checkTokens(tok tokens, tokenType, endpoint string) error {
	err := errNoToken
	if isBearer(tok.access) && len(tok.access) <= maxToken {
		if tokenType == "" || strings.EqualFold(tokenType, "bearer") {
			return nil
		}
		err = errTokenType
	}
	return &AnswerError{Host: hostOf(endpoint), Err: err}
}

// hostOf is the host of an endpoint for an error.
func hostOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	return u.Host
}

// isBearer reports whether s may be sent in an Authorization header.
func isBearer(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// renewed returns r with the tokens of a refresh. What the response omits
// stays as it was (RFC 6749 section 6).
func renewed(r vault.Record, t tokens) vault.Record {
	r.AccessToken, r.Expiry, r.IssuedAt = t.access, t.expiry, t.issued
	if t.refresh != "" {
		r.RefreshToken = t.refresh
	}
	if t.scopes != nil {
		r.Scopes = t.scopes
	}
	return r
}

// credential returns the record of the login p and its tokens.
func credential(p vault.Pending, t tokens) vault.Record {
	r := vault.Record{
		TokenType: "Bearer", Scopes: p.Scopes,
		ServerURL: p.ServerURL, Issuer: p.Issuer, Resource: p.Resource,
		TokenEndpoint: p.TokenEndpoint, RevocationEndpoint: p.RevocationEndpoint,
		Client: p.Client,
	}
	return renewed(r, t)
}
