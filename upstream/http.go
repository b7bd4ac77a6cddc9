package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"

	"mcpproxy/upstream/httpfail"
)

// Bounds of one HTTP exchange before its body.
const (
	dialTimeout = 10 * time.Second
	tlsTimeout  = 10 * time.Second
	maxHeaders  = 1 << 20 // bytes
)

// An OriginError says that the upstream tried to lead a request to another
// origin than the configured one. Headers and tokens must not go there.
type OriginError struct{ Want, Got string }

func (e *OriginError) Error() string {
	return fmt.Sprintf("refused to leave %s for %s", e.Want, e.Got)
}

// A RedirectError says that the upstream answered with a redirect that is not
// followed: it would make a GET of a POST, or leaves a choice. Nothing ran.
type RedirectError struct {
	Code int
	To   string // without user and query, which may hold secrets
}

func redirectTo(code int, to *url.URL) *RedirectError {
	bare := *to
	bare.User, bare.RawQuery, bare.Fragment = nil, "", ""
	return &RedirectError{Code: code, To: bare.String()}
}

func (e *RedirectError) Error() string { return fmt.Sprintf("HTTP %d redirects to %s", e.Code, e.To) }

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
	sse     bool        // a GET is the whole connection
	probing bool        // the upstream may not know server/discover
	slow    atomic.Bool // it did not answer that in time
	sender  httpfail.Sender
	last    atomic.Pointer[capture] // of the last request that brought none
	ctx     context.Context         // ends with the connection
	replies chan struct{}           // holds a token for each reply on its way
	redact  func(string) string
	auth    auth.OAuthHandler // nil without authorization
}

func newTapTransport(ctx context.Context, cfg Config, probing bool, redact func(string) string) (*tapTransport, error) {
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

			MaxResponseHeaderBytes: maxHeaders,
		},
		origin: originOf(u), headers: cfg.Headers, sse: cfg.Type == SSE, probing: probing,
		ctx: ctx, replies: make(chan struct{}, maxReplies), redact: redact,
	}, nil
}

// lastAnswer returns what is known of the answer to the last request of the
// SDK's session itself.
func (t *tapTransport) lastAnswer() captureState {
	if c := t.last.Load(); c != nil {
		return c.state()
	}
	return captureState{}
}

const maxRedirects = 5

func (t *tapTransport) checkRedirect(req *http.Request, via []*http.Request) error {
	keep(req.Response) // else net/http waits for its end
	err := t.follow(req, via)
	if err != nil && via[0].Header.Get("Last-Event-ID") != "" {
		return http.ErrUseLastResponse // on an error the session would try again, and the call wait
	}
	return err
}

// follow returns why a redirect is not to be followed.
func (t *tapTransport) follow(req *http.Request, via []*http.Request) error {
	if via[len(via)-1].Method == http.MethodPost && req.Method != http.MethodPost {
		return redirectTo(req.Response.StatusCode, req.URL)
	}
	if got := originOf(req.URL); got != t.origin {
		return &OriginError{Want: t.origin, Got: got}
	}
	if len(via) >= maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	return nil
}

// isFollowed reports whether net/http follows an answer of that status.
func isFollowed(code int) bool {
	switch code {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// choice returns where an answer leads that leaves the choice to us, which net/http
// does not follow. It returns nil for others.
func choice(resp *http.Response) error {
	if resp.StatusCode != http.StatusMultipleChoices {
		return nil
	}
	to, err := resp.Location()
	if err != nil {
		return nil
	}
	resp.Body.Close()
	return redirectTo(resp.StatusCode, to)
}

func (t *tapTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if got := originOf(req.URL); got != t.origin {
		return nil, &OriginError{Want: t.origin, Got: got}
	}
	if len(t.headers) > 0 {
		req = req.Clone(req.Context())
		for name, value := range t.headers {
			req.Header.Set(name, value)
			hideFromReplay(req.Header, name)
		}
	}
	switch {
	case req.Method == http.MethodDelete:
		return t.within(req, endWait, func() {})
	case req.Method == http.MethodGet && !t.sse && req.Header.Get("Last-Event-ID") == "", req.Header.Get("Mcp-Method") == "subscriptions/listen":
		return t.notifications(req), nil
	case req.Method == http.MethodPost:
		return t.post(req)
	}
	return t.exchange(req, captureOf(req.Context()))
}

// post sends a message.
func (t *tapTransport) post(req *http.Request) (*http.Response, error) {
	p := postOf(req)
	if p.kind != request {
		return t.brief(req, p)
	}
	c := captureOf(req.Context())
	if c == nil { // of the handshake, or a ping
		c = newCapture("", maxSmall, func(result json.RawMessage) json.RawMessage { return result })
		if p.method == `"initialize"` || p.method == `"server/discover"` {
			c.substitute = mendInitialize
		}
		t.last.Store(c)
	}
	c.update(func(s *captureState) { s.id, s.method, s.sent = p.id, p.method, true })
	if c.emptyCursor {
		var err error
		if req, err = withEmptyCursor(req); err != nil {
			return nil, err
		}
	}
	resp, err := t.exchange(req, c)
	if err != nil {
		return nil, err
	}
	if err := choice(resp); err != nil {
		return nil, err
	}
	return resp, nil
}

// send is a round trip.
func (t *tapTransport) send(req *http.Request) (*http.Response, error) {
	return t.sender.Send(t.base.RoundTrip, req)
}

// exchange sends one request, whose answer c captures if it is not nil.
func (t *tapTransport) exchange(req *http.Request, c *capture) (*http.Response, error) {
	send := t.send
	if t.probing && req.Header.Get("Mcp-Method") == "server/discover" {
		send = func(req *http.Request) (*http.Response, error) {
			return t.within(req, probeWait, func() { t.slow.Store(true) })
		}
	}
	resp, err := send(req)
	switch {
	case err != nil && isDial(err):
		if c != nil && req.Method == http.MethodPost {
			c.update(func(s *captureState) { s.sent = false })
		}
		return nil, &DialError{Err: err}
	case err != nil:
		return nil, err
	case c != nil:
		c.tap(req, resp, t.redact)
	case !t.sse:
		t.bound(resp)
	}
	return resp, nil
}

// bound bounds the body of an answer that nothing is captured of.
func (t *tapTransport) bound(resp *http.Response) {
	if mediaType(resp) == "text/event-stream" {
		resp.Body = newEventTap(resp.Body, maxSmall, onlyMessages, func(*SizeError) []byte { return nil })
		return
	}
	keep(resp)
}

// onlyMessages returns what the session gets of the messages in data.
func onlyMessages(data []byte) [][]byte {
	all := messages(data)
	for i, data := range all {
		var e envelope
		if all[i] = nil; e.read(data) == nil {
			all[i] = e.forSession(data)
		}
	}
	return all
}

func mediaType(resp *http.Response) string {
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return media
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

// hideFromReplay spells a header so that net/http, which sends a POST with it
// again on its own when the connection breaks, does not know it. Servers take
// names in any case (RFC 9110, section 5.1).
func hideFromReplay(h http.Header, name string) {
	name = http.CanonicalHeaderKey(name)
	if name != "Idempotency-Key" && name != "X-Idempotency-Key" {
		return
	}
	h[strings.ToLower(name)] = h[name]
	delete(h, name)
}
