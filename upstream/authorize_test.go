package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

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

// A keyholder's token changes when it is asked for another.
type keyholder struct {
	token atomic.Int32
	slow  atomic.Bool // tokens are not to be had
}

func (k *keyholder) TokenSource(context.Context) (oauth2.TokenSource, error) { return k, nil }

func (k *keyholder) Token() (*oauth2.Token, error) {
	if k.slow.Load() {
		<-time.After(10 * time.Second)
	}
	return &oauth2.Token{AccessToken: fmt.Sprint("t", k.token.Load())}, nil
}

func (k *keyholder) Authorize(context.Context, *http.Request, *http.Response) error {
	k.token.Add(1)
	return nil
}

// The stream of notifications is opened again with the token of that moment.
func TestNotificationStreamOutlivesItsToken(t *testing.T) {
	t.Parallel()
	var opened atomic.Int32
	f := newFakeHTTP(t, func(w http.ResponseWriter, r *http.Request, m message) bool {
		if m.Method != http.MethodGet {
			return false
		}
		switch opened.Add(1) {
		case 1: // and cut at once
			w.Header().Set("Content-Type", "text/event-stream")
		case 2:
			w.WriteHeader(http.StatusUnauthorized)
		default:
			if r.Header.Get("Authorization") != "Bearer t1" {
				w.WriteHeader(http.StatusUnauthorized)
				return true
			}
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
		return true
	})
	heard := make(chan struct{}, 1)
	keys := &keyholder{}
	u := New("test", httpConfig(f.URL), Options{Client: testClient, Authorize: keys, ToolsChanged: func() { heard <- struct{}{} }})
	t.Cleanup(u.Close)
	if _, err := call(t, u, Call{Tool: "odd"}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-heard:
	case <-time.After(time.Minute):
		t.Errorf("nothing was heard after %d requests", opened.Load())
	}
}

// A token that is not to be had does not hold up the end.
func TestCloseWaitsForNoToken(t *testing.T) {
	t.Parallel()
	f := newFakeHTTP(t, nil)
	f.session.Store("one")
	keys := &keyholder{}
	u := New("test", httpConfig(f.URL), Options{Client: testClient, Authorize: keys})
	if _, err := call(t, u, Call{Tool: "odd"}); err != nil {
		t.Fatal(err)
	}
	keys.slow.Store(true)
	closes(t, u)
	if n := f.count(http.MethodDelete); n != 1 {
		t.Errorf("%d sessions ended", n)
	}
}
