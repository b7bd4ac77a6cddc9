package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// Bounds of one HTTP exchange before its body.
const (
	dialTimeout = 10 * time.Second
	tlsTimeout  = 10 * time.Second
)

// An OriginError says that the upstream tried to lead a request to another
// origin than the configured one. Headers and tokens must not go there.
type OriginError struct{ Want, Got string }

func (e *OriginError) Error() string {
	return fmt.Sprintf("refused to leave %s for %s", e.Want, e.Got)
}

// A StatusError is an HTTP answer that is neither success nor a JSON-RPC
// error. The authorization handler's error after a 401 or 403 is in its chain.
type StatusError struct {
	Code int
	Err  error
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("HTTP %d %s", e.Code, http.StatusText(e.Code))
}

func (e *StatusError) Unwrap() error { return e.Err }

// A DialError says that no connection was made, so that nothing was sent.
type DialError struct{ Err error }

func (e *DialError) Error() string { return e.Err.Error() }
func (e *DialError) Unwrap() error { return e.Err }

// originOf returns scheme, host and port. The port is always explicit.
func originOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + net.JoinHostPort(u.Hostname(), port)
}

// A tapTransport keeps requests within one origin, adds the configured headers,
// and lets captures take results out of response bodies. The SDK's HTTP
// connection cannot be wrapped as a stdio one can, because its session must
// reach an unexported method of it.
type tapTransport struct {
	base    *http.Transport
	origin  string
	headers map[string]string
	probing bool // the upstream may not know server/discover
	status  atomic.Int64
	ctx     context.Context // ends with the connection
	replies chan struct{}   // holds a token for each reply on its way
}

func newTapTransport(ctx context.Context, cfg Config, probing bool) (*tapTransport, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, err
	}
	return &tapTransport{
		base: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout: tlsTimeout,
			ForceAttemptHTTP2:   true,
			HTTP2:               &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
			MaxIdleConnsPerHost: 16,
			IdleConnTimeout:     90 * time.Second,
		},
		origin: originOf(u), headers: cfg.Headers, probing: probing,
		ctx: ctx, replies: make(chan struct{}, maxReplies),
	}, nil
}

// lastStatus returns the status of the last response, 0 before any.
func (t *tapTransport) lastStatus() int { return int(t.status.Load()) }

const maxRedirects = 5

func (t *tapTransport) checkRedirect(req *http.Request, via []*http.Request) error {
	if got := originOf(req.URL); got != t.origin {
		return &OriginError{Want: t.origin, Got: got}
	}
	if len(via) >= maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	return nil
}

func (t *tapTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if got := originOf(req.URL); got != t.origin {
		return nil, &OriginError{Want: t.origin, Got: got}
	}
	if len(t.headers) > 0 {
		req = req.Clone(req.Context())
		for name, value := range t.headers {
			req.Header.Set(name, value)
		}
	}
	c := captureOf(req.Context())
	if c != nil {
		c.sending(req)
	}
	t.status.Store(0)
	resp, err := t.roundTrip(req)
	if err != nil {
		if isDial(err) {
			if c != nil {
				c.notSent(req)
			}
			return nil, &DialError{Err: err}
		}
		return nil, err
	}
	t.status.Store(int64(resp.StatusCode))
	if c != nil {
		c.tap(req, resp)
	}
	return resp, nil
}

type captureKey struct{}

func withCapture(ctx context.Context, c *capture) context.Context {
	return context.WithValue(ctx, captureKey{}, c)
}

func captureOf(ctx context.Context) *capture {
	c, _ := ctx.Value(captureKey{}).(*capture)
	return c
}

// isDial reports whether err says that no connection was made.
func isDial(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial" || isA[*net.DNSError](err)
}
