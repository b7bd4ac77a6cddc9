package auth

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"net/url"
	"strings"
	"time"

	"mcpproxy/auth/vault"
)

// maxPaste is far above the length of any redirect URL, in bytes.
const maxPaste = 16 << 10

// Complete finishes the pending login to s with what the person copied from
// the browser's address bar: the whole URL, or its query. The login may have
// been begun by another process. nil means that the credential is saved;
// otherwise a [*LoginError] tells what to do, or a [*vault.Error], a
// [*ConfigError], or a network error, after which the login goes on waiting.
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
	// Terminals and chats wrap long lines.
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

// acceptResponse turns an authorization response (RFC 6749 section 4.1.2) into the
// credential of t, if it answers the login that is pending. It works in one
// turn per credential, machine-wide, so that of two answers, or of an answer
// and a refresh, one comes first and the other finds its work done.
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
	// The code is spent by the request: from there to the save the caller's
	// impatience must not matter.
	ctx = context.WithoutCancel(ctx)
	err = a.exchangeCode(ctx, t, p, lockFile, q)
	if _, final := errors.AsType[*LoginError](err); err != nil && !final {
		return err // the network or the vault: the login goes on waiting
	}
	a.endPending(ctx, t, p, err)
	return err
}

// lock takes the lock of the credential of t, if there is one, and waits
// no longer than a refresh may take. Where the file that its record names cannot be
// made, because the home it lay in has moved, it takes our own, which the next
// record then names: a person who logs in or out must not be stuck.
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
		return fail(NoLogin) // begun before the entry was edited
	case p.Flow != vault.CodeFlow:
		return fail(NotByPaste)
	case subtle.ConstantTimeCompare([]byte(p.State), []byte(q.Get("state"))) == 0:
		return fail(WrongState)
	case p.Expired():
		return fail(LoginExpired)
	}
	return p, nil
}

// exchangeCode exchanges the code in q, RFC 6749 section 4.1.3, and saves what it
// gets. A LoginError is final.
func (a *Authority) exchangeCode(ctx context.Context, t *target, p vault.Pending, lockFile string, q url.Values) error {
	fail := func(reason LoginReason, err error) error {
		return &LoginError{Server: t.Name, Reason: reason, Err: err}
	}
	// Before anything else is believed, an error included.
	if err := checkIssuer(p, q); err != nil {
		return fail(WrongIssuer, err)
	}
	if code := q.Get("error"); code != "" {
		err := &OAuthError{Code: clean(code, 60), Description: clean(q.Get("error_description"), 200)}
		return fail(refusalReason(err), err)
	}
	tok, err := a.requestTokens(ctx, t, p.TokenEndpoint, p.Client, p.Resource, url.Values{
		"grant_type":    {grantCode},
		"code":          {q.Get("code")},
		"redirect_uri":  {p.RedirectURI},
		"code_verifier": {p.Verifier},
	})
	switch {
	case codeOf(err) == invalidClient:
		a.noteLostClient(ctx, t)
		return fail(Refused, err)
	case codeOf(err) != "":
		return fail(refusalReason(err), err)
	case errors.Is(err, errNoToken), errors.Is(err, errTokenType):
		return fail(BadToken, err)
	case err != nil:
		return err
	}
	return a.saveCredential(ctx, t, p, tok, lockFile)
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
		s.failures, s.notBefore, s.lastErr, s.suspect = 0, time.Time{}, nil, 0
	})
	a.log.Info("logged in", "server", t.Name, "flow", p.Flow, "scopes", r.Scopes)
	return nil
}

// endPending takes p out of the vault and tells the login of this process, if
// it is the one.
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

// noteLostClient notes that the server no longer knows the client, so that the
// next login registers a new one.
func (a *Authority) noteLostClient(ctx context.Context, t *target) {
	r, err := a.vault.Get(ctx, t.Key)
	if err == nil {
		err = a.vault.RefreshFailed(ctx, t.Key, r.Generation, invalidClient, false)
	}
	if err != nil && !errors.Is(err, vault.ErrNoCredential) {
		a.log.Warn("lost registration not noted", "server", t.Name, "error", err)
	}
}

// refusalReason is the reason of a LoginError for an error answer.
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

// checkIssuer compares the iss parameter with the issuer that the login was
// begun with, as RFC 9207 section 2.4 says: character by character, since any
// normalisation would let look-alikes pass. It is required where the server's
// metadata promises it, and compared wherever it is present.
func checkIssuer(p vault.Pending, q url.Values) error {
	switch {
	case !q.Has("iss"):
		if p.IssRequired {
			return errIssMissing
		}
	case p.Issuer == "" && !p.IssRequired:
		// Endpoints from the configuration, without an issuer to compare.
	case q.Get("iss") != p.Issuer:
		return errIssOther
	}
	return nil
}
