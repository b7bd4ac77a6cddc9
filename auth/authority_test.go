package auth_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"mcpproxy/auth"
	"mcpproxy/auth/authtest"
	"mcpproxy/auth/egress"
	"mcpproxy/auth/vault"
)

// newAuthority is one process with a vault of its own.
func newAuthority(t *testing.T) *auth.Authority {
	t.Helper()
	a := auth.New(auth.Options{Vault: vault.Open(vault.Options{StateDir: t.TempDir(), Store: vault.StoreFile})})
	t.Cleanup(a.Close)
	return a
}

// newServer is an authorization server with an upstream that it protects.
func newServer(t *testing.T) (*authtest.Server, auth.Server) {
	t.Helper()
	s := authtest.New(authtest.Options{Protected: http.NotFoundHandler()})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, auth.Server{
		Name: "up", Key: vault.Key("up", ""), URL: s.ResourceURL(),
		Config: auth.Config{Discovery: true, DiscoveryAllowlist: []string{"127.0.0.1"}},
	}
}

// Each error that the doc comments name can be found by its type, with its
// facts in fields.
func TestErrorsFromOutside(t *testing.T) {
	t.Parallel()
	s, up := newServer(t)
	a := newAuthority(t)

	err := a.Refresh(t.Context(), up)
	if e, ok := errors.AsType[*auth.NeedsAuthError](err); !ok || e.Reason != auth.NoCredential || e.Server != "up" {
		t.Errorf("refresh without a login: %v", err)
	}
	source, err := a.Handler(up).TokenSource(t.Context())
	if source != nil || err != nil {
		t.Errorf("a token source without a login: %v, %v", source, err)
	}
	err = a.Complete(t.Context(), up, "nonsense")
	if e, ok := errors.AsType[*auth.LoginError](err); !ok || e.Reason != auth.BadRedirect || !e.Waiting() {
		t.Errorf("nonsense pasted: %v", err)
	}
	err = a.Complete(t.Context(), up, "?code=c&state=s")
	if e, ok := errors.AsType[*auth.LoginError](err); !ok || e.Reason != auth.NoLogin || e.Waiting() {
		t.Errorf("pasted without a login: %v", err)
	}
	wrong := up
	wrong.Config.Provider = string(auth.AnthropicMCP)
	_, err = a.Begin(t.Context(), wrong, auth.LoginOptions{})
	if e, ok := errors.AsType[*auth.ConfigError](err); !ok || e.Field != "oauth.client_id" {
		t.Errorf("a built-in provider without a client id: %v", err)
	}
	s.Override(authtest.ResourceMetadata, map[string]any{"authorization_servers": []string{"https://as.example"}})
	_, err = a.Begin(t.Context(), up, auth.LoginOptions{})
	if e, ok := errors.AsType[*egress.BlockedHostError](err); !ok || e.Host != "as.example" {
		t.Errorf("an unlisted authorization server: %v", err)
	}
	s.Fail(authtest.ResourceMetadata, authtest.Fault{Status: http.StatusServiceUnavailable})
	_, err = a.Begin(t.Context(), up, auth.LoginOptions{})
	discovery, isDiscovery := errors.AsType[*auth.DiscoveryError](err)
	status, isStatus := errors.AsType[*auth.HTTPError](err)
	if !isDiscovery || !isStatus || status.Status != http.StatusServiceUnavailable || !strings.HasPrefix(discovery.URL, s.URL) {
		t.Errorf("no metadata: %v", err)
	}
}

// A closed Authority starts nothing, and its pending login stays in the vault.
func TestClosedAuthority(t *testing.T) {
	t.Parallel()
	_, up := newServer(t)
	a := newAuthority(t)
	login, err := a.Begin(t.Context(), up, auth.LoginOptions{Flow: auth.FlowPaste})
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
	if err := login.Wait(context.WithoutCancel(t.Context())); !errors.Is(err, auth.ErrClosed) {
		t.Errorf("the login ended with %v", err)
	}
	if st, err := a.Status(up); err != nil || st.Pending == nil || !st.Pending.Orphaned || st.Pending.Flow != vault.CodeFlow {
		t.Errorf("status %+v, %v", st, err)
	}
	if _, err := a.Begin(t.Context(), up, auth.LoginOptions{Flow: auth.FlowPaste}); !errors.Is(err, auth.ErrClosed) {
		t.Errorf("began a login: %v", err)
	}
}
