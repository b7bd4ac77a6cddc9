package auth

import (
	"context"
	"errors"
	"net/url"

	"mcpproxy/auth/vault"
)

// Logout cancels a pending login of s, revokes the credential if the
// authorization server has a revocation endpoint (RFC 7009), and deletes it.
// The credential is deleted even if the revocation fails; revoked tells.
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
		st.forgetFailures()
		st.asked, st.suspect = nil, 0
	})
	return revoked, err
}

// isReplaceable reports whether err means that a new credential may replace
// what is in the vault.
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

// revoke revokes the refresh token, and with it the access tokens (RFC 7009
// section 2.1).
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
