package auth

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"net/url"
	"strings"

	"mcpproxy/auth/vault"
)

// maxPaste is the limit of a pasted URL in bytes, far above any real one.
const maxPaste = 16 << 10

// Complete finishes the pending login to s, which any process may have
// begun, with the redirect URL that the person copied from the browser, or
// its query. nil means that the credential is saved.
//
// A [*LoginError] tells why the login did not succeed, and whether it is still
// pending. After any other error it is.
func (a *Authority) Complete(ctx context.Context, s Server, pasted string) error {
	t, err := a.target(s)
	if err != nil {
		return err
	}
	q, err := parseRedirect(pasted)
	if err != nil {
		return &LoginError{Server: t.Name, Reason: BadRedirect, Err: err}
	}
	return a.acceptResponse(ctx, t, q)
}

var (
	errNoParameters = errors.New("no code and state in it")
	errRepeated     = errors.New("a parameter is repeated")
)

// parseRedirect reads the parameters of a redirect URL, whole or its query.
func parseRedirect(pasted string) (url.Values, error) {
	s := strings.Trim(strings.TrimSpace(pasted), `"'<>`)
	if len(s) > maxPaste {
		return nil, errNoParameters
	}
	// Terminals and chat programs wrap long lines.
	s = strings.Join(strings.Fields(s), "")
	if _, query, ok := strings.Cut(s, "?"); ok {
		s = query
	}
	s, _, _ = strings.Cut(s, "#")
	q, err := url.ParseQuery(s)
	if err != nil || q.Get("state") == "" || q.Get("code") == "" && q.Get("error") == "" {
		return nil, errNoParameters
	}
	for _, name := range []string{"state", "code", "iss", "error"} {
		if len(q[name]) > 1 { // RFC 6749 section 3.1
			return nil, errRepeated
		}
	}
	return q, nil
}

// acceptResponse exchanges an authorization response (RFC 6749 section
// 4.1.2) for the credential of t, if it answers the pending login. It holds
// the lock of the credential, so that a second response or a refresh comes
// after it and finds the work done.
func (a *Authority) acceptResponse(ctx context.Context, t *target, q url.Values) error {
	a.registerSecrets(q.Get("code"))
	lockFile, unlock, err := a.lock(ctx, t)
	if err != nil {
		return err
	}
	defer unlock()
	p, err := a.pendingFor(ctx, t, q)
	if err != nil {
		return err
	}
	// The request uses up the code, so the caller can no longer cancel
	// before the tokens are saved.
	ctx = context.WithoutCancel(ctx)
	err = a.exchangeCode(ctx, t, p, lockFile, q)
	if e, ok := errors.AsType[*LoginError](err); err != nil && (!ok || e.Waiting()) {
		return err
	}
	a.endPending(ctx, t, p, err)
	return err
}

// lock takes the lock of the credential of t and waits no longer than a
// refresh may take. If the lock file that the record names cannot be made,
// because the home folder has moved, it takes our own, which the next record
// then names: otherwise the person could neither log in nor log out.
func (a *Authority) lock(ctx context.Context, t *target) (file string, unlock func(), err error) {
	old, err := a.vault.Get(ctx, t.Key)
	if err != nil && !isReplaceable(err) {
		return "", nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	own := a.vault.LockFile(t.Key)
	file = cmp.Or(old.LockFile, own)
	unlock, err = a.vault.Lock(ctx, file)
	if file != own && vault.ReasonOf(err) == vault.Unavailable {
		file = own
		unlock, err = a.vault.Lock(ctx, file)
	}
	return file, unlock, err
}

// pendingFor returns the pending login that q answers.
func (a *Authority) pendingFor(ctx context.Context, t *target, q url.Values) (vault.Pending, error) {
	fail := func(reason LoginReason) (vault.Pending, error) {
		return vault.Pending{}, &LoginError{Server: t.Name, Reason: reason}
	}
	p, err := a.vault.Pending(ctx, t.Key)
	if errors.Is(err, vault.ErrNoCredential) {
		if _, err := a.get(ctx, t); err == nil {
			return fail(AlreadyFinished)
		}
		return fail(NoLogin)
	}
	if err != nil {
		return p, err
	}
	a.registerSecrets(p.Verifier, p.DeviceCode, p.Client.Secret)
	switch {
	case !t.ownsPending(p):
		return fail(NoLogin) // begun before the configuration was edited
	case p.Flow != vault.CodeFlow:
		return fail(NotByPaste)
	case subtle.ConstantTimeCompare([]byte(p.State), []byte(q.Get("state"))) == 0:
		return fail(WrongState)
	case p.Expired():
		return fail(LoginExpired)
	}
	return p, nil
}

// exchangeCode exchanges the code in q for tokens, RFC 6749 section 4.1.3,
// and saves them. A LoginError that does not wait is final.
func (a *Authority) exchangeCode(ctx context.Context, t *target, p vault.Pending, lockFile string, q url.Values) error {
	fail := func(reason LoginReason, err error) error {
		return &LoginError{Server: t.Name, Reason: reason, Err: err}
	}
	// The issuer is checked first: an error response may be forged too.
	if err := checkIssuer(p, q); err != nil {
		return fail(WrongIssuer, err)
	}
	if code := q.Get("error"); code != "" {
		secrets := []string{p.State, p.Verifier, q.Get("code"), t.clientOf(p.Client).Secret}
		err := &OAuthError{Code: t.tell(code, 60, secrets...), Description: t.tell(q.Get("error_description"), 200, secrets...)}
		return fail(refusalReason(err), err)
	}
	tok, err := a.requestTokens(ctx, t, p.TokenEndpoint, p.Client, p.Resource, url.Values{
		"grant_type":    {grantCode},
		"code":          {q.Get("code")},
		"redirect_uri":  {p.RedirectURI},
		"code_verifier": {p.Verifier},
	})
	switch {
	case err == nil:
		return a.saveCredential(ctx, t, p, tok, lockFile)
	case isAnswerError(err): // the code is used up
		return fail(BadToken, err)
	case isBlocked(err):
		return err
	case !endsLogin(err):
		return fail(StillWaiting, err)
	}
	if codeOf(err) == invalidClient {
		a.noteLostClient(ctx, t)
	}
	return fail(refusalReason(err), err)
}

// saveCredential saves the credential that p was exchanged for.
func (a *Authority) saveCredential(ctx context.Context, t *target, p vault.Pending, tok tokens, lockFile string) error {
	r := credential(p, tok)
	r.LockFile = lockFile
	if _, err := a.vault.Put(ctx, t.Key, r); err != nil {
		return err
	}
	a.update(t.Key, func(s *state) {
		s.asked, s.challenge = p.Scopes, challenge{metadataURL: s.challenge.metadataURL}
		s.forgetFailures()
		s.suspect = 0
	})
	a.log.Info("logged in", "server", t.Name, "flow", p.Flow, "scopes", r.Scopes)
	return nil
}

// endPending removes p from the vault and reports the outcome to the login
// of this process, if p is its pending login.
func (a *Authority) endPending(ctx context.Context, t *target, p vault.Pending, err error) {
	if err := a.vault.RemovePending(ctx, t.Key, p.ID); err != nil {
		a.log.Warn("pending login not removed", "server", t.Name, "error", err)
	}
	a.update(t.Key, func(s *state) {
		if s.login != nil && s.login.pending.ID == p.ID {
			s.login.report(err)
		}
	})
}

// noteLostClient records that the server does not know the client any more,
// so that the next login registers a new one.
func (a *Authority) noteLostClient(ctx context.Context, t *target) {
	r, err := a.vault.Get(ctx, t.Key)
	if err == nil {
		err = a.vault.RefreshFailed(ctx, t.Key, r.Generation, vault.RefreshFailure{RefreshError: invalidClient}, false)
	}
	if err != nil && !errors.Is(err, vault.ErrNoCredential) {
		a.log.Warn("lost registration not noted", "server", t.Name, "error", err)
	}
}

// refusalReason is the LoginReason for an error response.
func refusalReason(err error) LoginReason {
	switch codeOf(err) {
	case accessDenied:
		return Denied
	case invalidGrant:
		return CodeRefused
	case expiredToken:
		return LoginExpired
	}
	return Refused
}

var (
	errIssMissing = errors.New("the response names no issuer although the server promises to")
	errIssOther   = errors.New("the response is of another issuer")
)

// checkIssuer compares the iss parameter with the issuer of the login, RFC
// 9207 section 2.4. The comparison is by character, because normalisation
// would accept look-alikes. The parameter is required if the metadata
// promises it, and compared whenever it is present.
func checkIssuer(p vault.Pending, q url.Values) error {
	switch {
	case !q.Has("iss"):
		if p.IssRequired {
			return errIssMissing
		}
	case p.Issuer == "" && !p.IssRequired:
		// Configured endpoints without an issuer to compare.
	case q.Get("iss") != p.Issuer:
		return errIssOther
	}
	return nil
}
