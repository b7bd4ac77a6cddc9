package auth

import (
	"context"
	"errors"
	"net/url"

	"mcpproxy/auth/vault"
)

// Logout revokes the credential of s where the authorization server can
// (RFC 7009), then deletes it, and gives up a pending login. The credential is
// deleted even if the revocation fails; revoked tells.
func (a *Authority) Logout(ctx context.Context, s Server) (revoked bool, err error) {
	t, err := a.target(s)
	if err != nil {
		return false, err
	}
	a.update(t.Key, func(st *state) {
		if st.login != nil {
			st.login.cancel()
		}
	})
	if err := a.dropPending(ctx, t); err != nil {
		return false, err
	}
	_, unlock, err := a.lock(ctx, t)
	if err != nil {
		return false, err
	}
	defer unlock()
	if r, err := a.reload(ctx, t); err == nil {
		revoked = a.revoke(ctx, t, r)
	}
	err = a.vault.Delete(context.WithoutCancel(ctx), t.Key)
	a.update(t.Key, func(st *state) {
		st.failures, st.lastErr, st.asked, st.suspect = 0, nil, nil, 0
	})
	return revoked, err
}

// isReplaceable reports whether err means that there is nothing worth keeping.
func isReplaceable(err error) bool {
	return errors.Is(err, vault.ErrNoCredential) || vault.ReasonOf(err) == vault.Damaged
}

func (a *Authority) dropPending(ctx context.Context, t *target) error {
	ix, err := a.vault.Index()
	if err != nil || ix.Pending[t.Key].ID == "" {
		return err
	}
	return a.vault.RemovePending(ctx, t.Key, ix.Pending[t.Key].ID)
}

// revoke asks for the end of the grant: revoking a refresh token ends the
// access tokens that came from it (RFC 7009 section 2.1).
func (a *Authority) revoke(ctx context.Context, t *target, r vault.Record) bool {
	if r.RevocationEndpoint == "" || !t.admits(r.RevocationEndpoint) {
		return false
	}
	form := url.Values{"token": {r.AccessToken}, "token_type_hint": {"access_token"}}
	if r.RefreshToken != "" {
		form = url.Values{"token": {r.RefreshToken}, "token_type_hint": {"refresh_token"}}
	}
	if _, err := t.post(ctx, r.RevocationEndpoint, t.clientOf(r.Client), form); err != nil {
		a.log.Warn("token not revoked", "server", t.Name, "error", err)
		return false
	}
	return true
}
