package upstream

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"golang.org/x/oauth2"
)

var errLogin = errors.New("login needed")

// A doorman is an authorization handler without credentials.
type doorman struct {
	asked atomic.Int32
	token error // of the token source
}

func (d *doorman) TokenSource(context.Context) (oauth2.TokenSource, error) { return d, nil }

func (d *doorman) Token() (*oauth2.Token, error) {
	if d.token != nil {
		return nil, d.token
	}
	return &oauth2.Token{AccessToken: "t"}, nil
}

func (d *doorman) Authorize(_ context.Context, _ *http.Request, resp *http.Response) error {
	d.asked.Add(1)
	resp.Body.Close()
	return errLogin
}

func TestAuthorizationChallengeIsNoFault(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method string // that is answered by 401
		token  error
	}{
		"start": {method: "initialize"},
		"call":  {method: "tools/call"},
		"token": {token: errLogin},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeHTTP(t, func(w http.ResponseWriter, _ *http.Request, m message) bool {
				if m.Method == c.method {
					w.WriteHeader(http.StatusUnauthorized)
				}
				return m.Method == c.method
			})
			u := New("test", httpConfig(f.URL), Options{
				Client: testClient, Authorize: &doorman{token: c.token}, Breaker: BreakerConfig{FailThreshold: 1},
				NotFault: func(err error) bool { return errors.Is(err, errLogin) },
			})
			t.Cleanup(u.Close)
			for range 3 {
				_, err := call(t, u, Call{Tool: "odd"})
				if !errors.Is(err, errLogin) || isA[*jsonrpc.Error](err) {
					t.Errorf("error %v", err)
				}
				if isStart := isA[*StartError](err); isStart != (name != "call") {
					t.Errorf("error %T", err)
				}
			}
			if s := u.State(); s.Breaker.State != "closed" || !s.Retry.IsZero() {
				t.Errorf("state %+v", s)
			}
			if c.method != "" && f.count(c.method) != 3 {
				t.Errorf("%s was sent %d times in 3 calls", c.method, f.count(c.method))
			}
		})
	}
}
