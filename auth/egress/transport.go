package egress

import (
	"errors"
	"net"
	"net/http"
	"syscall"
	"time"

	"mcpproxy/upstream/httpfail"
)

const (
	requestTimeout = 15 * time.Second // of one request, including its body
	dialTimeout    = 10 * time.Second
	maxRedirects   = 3
)

var errTooManyRedirects = errors.New("more redirects than are followed")

// Transports send requests, either to any address or to public addresses
// only.
type Transports struct {
	open, public http.RoundTripper
	sender       *httpfail.Sender
}

// NewTransports makes the transports of one process. The caller must Close
// them. If hook is not nil, it carries every request instead, after the host
// was checked; addresses are then not checked.
func NewTransports(hook http.RoundTripper) Transports {
	if hook != nil {
		return Transports{open: hook, public: hook, sender: new(httpfail.Sender)}
	}
	return Transports{
		open: newTransport(&net.Dialer{Timeout: dialTimeout}), public: newTransport(publicDialer()),
		sender: new(httpfail.Sender),
	}
}

// publicDialer connects to public addresses only.
func publicDialer() *net.Dialer {
	return &net.Dialer{
		Timeout: dialTimeout,
		Control: func(_, address string, _ syscall.RawConn) error { return checkAddress(address) },
	}
}

func newTransport(dialer *net.Dialer) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  requestTimeout,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        30 * time.Second,
	}
}

// Close closes the connections that are idle.
func (t Transports) Close() {
	for _, way := range []http.RoundTripper{t.open, t.public} {
		if t, ok := way.(*http.Transport); ok {
			t.CloseIdleConnections()
		}
	}
}

// Client returns a client that contacts only the hosts on list. A request
// takes 15 s at most, including its body. Each hop of a redirect is checked
// like a first request. Only a GET follows redirects, at most 3 and never
// from https to http, because other requests carry codes and secrets: they end
// with the redirect as their response.
func (t Transports) Client(list Allowlist) *http.Client {
	return &http.Client{
		Transport: guard{t, list},
		Timeout:   requestTimeout,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errTooManyRedirects
			}
			if via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https" {
				return errNotHTTPS
			}
			return nil
		},
	}
}

// A guard checks the host of each request and chooses its transport.
type guard struct {
	Transports
	list Allowlist
}

func (g guard) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := g.sender.Send(g.send, req)
	if err == nil && req.Method != http.MethodGet {
		// The client would throw away an answer whose Location is no URL.
		resp.Header.Del("Location")
	}
	return resp, err
}

func (g guard) send(req *http.Request) (*http.Response, error) {
	anyAddress, err := g.list.admit(req.URL)
	if err != nil {
		return nil, err
	}
	if anyAddress {
		return g.open.RoundTrip(req)
	}
	if t, ok := g.public.(*http.Transport); ok {
		// A web proxy resolves the host itself and may have a private
		// address, so that only a literal address can be checked.
		if proxy, err := t.Proxy(req); err == nil && proxy != nil {
			if net.ParseIP(req.URL.Hostname()) != nil {
				if err := checkAddress(net.JoinHostPort(req.URL.Hostname(), portOf(req.URL))); err != nil {
					return nil, err
				}
			}
			return g.open.RoundTrip(req)
		}
	}
	return g.public.RoundTrip(req)
}
