package upstream

import (
	"context"
	"net/http"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"golang.org/x/oauth2"
)

// A connAuth is the authorization of one connection. It asks the handler for
// the token of each request, and for none once the connection ends: a token
// that is being refreshed must not hold up the end.
type connAuth struct {
	auth.OAuthHandler
	ctx context.Context // of the connection

	mu   sync.Mutex
	last *oauth2.Token
}

func (a *connAuth) TokenSource(ctx context.Context) (oauth2.TokenSource, error) {
	if a.ctx.Err() != nil {
		return a, nil
	}
	source, err := a.OAuthHandler.TokenSource(ctx)
	if err != nil || source == nil {
		return nil, err
	}
	return tokens(func() (*oauth2.Token, error) {
		token, err := source.Token()
		if err == nil {
			a.mu.Lock()
			a.last = token
			a.mu.Unlock()
		}
		return token, err
	}), nil
}

// Token returns the newest token.
func (a *connAuth) Token() (*oauth2.Token, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last, nil
}

// tokens is a function as a source of tokens.
type tokens func() (*oauth2.Token, error)

func (f tokens) Token() (*oauth2.Token, error) { return f() }

// authorize puts the token of now into a request that the SDK made earlier.
func (t *tapTransport) authorize(req *http.Request) error {
	if t.auth == nil {
		return nil
	}
	source, err := t.auth.TokenSource(req.Context())
	if err != nil || source == nil {
		return err
	}
	token, err := source.Token()
	switch {
	case err != nil:
		return err
	case token != nil:
		req.Header.Set("Authorization", "Bearer "+token.AccessToken)
	}
	return nil
}

// reauthorize lets the handler deal with an answer that asks for authorization.
func (t *tapTransport) reauthorize(req *http.Request, resp *http.Response) error {
	keep(resp)
	return t.auth.Authorize(req.Context(), req, resp)
}
