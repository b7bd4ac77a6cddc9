package auth

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"mcpproxy/auth/egress"
)

// defaultRedirect is registered for the device flow, and named to a person
// who has to register a client.
const defaultRedirect = "http://127.0.0.1:53692/callback"

// A ListenError says why the browser's callback cannot be received, so that
// the login can only be finished by pasting.
type ListenError struct {
	Address string // of the redirect URI, host and port
	Err     error
}

func (e *ListenError) Error() string { return "callback on " + e.Address + ": " + e.Err.Error() }
func (e *ListenError) Unwrap() error { return e.Err }

var errNotLoopback = errors.New("the redirect URI does not lead to this machine")

// listen opens the listener for a redirect URI and returns the URI with its
// port. configured is oauth.redirect_uri; former is the URI of an earlier
// registration, whose port is reused if it is free.
//
// If a configured port is busy, the login can only be finished by pasting.
// Whoever listens there may receive the code, which is useless without the
// verifier.
func listen(ctx context.Context, configured, former string, flow Flow) (r receiver, redirectURI string, callbackErr, err error) {
	u := &url.URL{Scheme: "http", Host: "127.0.0.1", Path: "/callback"} // RFC 8252 section 7.3 prefers the address
	if configured != "" {
		if u, err = egress.ParseURL(configured); err != nil {
			return nil, "", nil, wrong("redirect_uri", err.Error())
		}
	}
	if u.Scheme != "http" || !egress.IsLoopback(u.Hostname()) {
		return pasteOnly{}, u.String(), &ListenError{Address: u.Host, Err: errNotLoopback}, nil
	}
	port := u.Port()
	if f, err := url.Parse(former); port == "" && err == nil {
		port = f.Port()
	}
	ls, err := listenLoopback(ctx, u.Hostname(), port)
	if err != nil && u.Port() == "" {
		ls, err = listenLoopback(ctx, u.Hostname(), "")
	}
	if err != nil {
		if u.Port() == "" {
			return nil, "", nil, &ListenError{Address: u.Host, Err: err}
		}
		return pasteOnly{}, u.String(), &ListenError{Address: u.Host, Err: err}, nil
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), strconv.Itoa(ls[0].Addr().(*net.TCPAddr).Port))
	}
	c := &callback{listeners: ls, path: cmp.Or(u.EscapedPath(), "/")}
	if flow == FlowPaste {
		c.Close() // the port was only needed for the redirect URI
		return pasteOnly{}, u.String(), nil, nil
	}
	return c, u.String(), nil, nil
}

// listenLoopback listens on host, and for "localhost" on both loopback
// addresses, because browsers resolve it to either. IPv6 may be missing on
// the machine, but its port must not belong to another program.
func listenLoopback(ctx context.Context, host, port string) ([]net.Listener, error) {
	var config net.ListenConfig
	if host != "localhost" {
		l, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, cmp.Or(port, "0")))
		return []net.Listener{l}, err
	}
	l, err := config.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", cmp.Or(port, "0")))
	if err != nil {
		return nil, err
	}
	second := net.JoinHostPort("::1", strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	six, err := config.Listen(ctx, "tcp6", second)
	if err == nil {
		return []net.Listener{l, six}, nil
	}
	var dialer net.Dialer
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if conn, dialErr := dialer.DialContext(ctx, "tcp6", second); dialErr == nil {
		conn.Close()
		l.Close()
		return nil, err
	}
	return []net.Listener{l}, nil
}

// A callback receives the browser's redirect. It is a web server on loopback
// that lives as long as its login.
type callback struct {
	listeners []net.Listener
	path      string
	once      sync.Once
	stop      func() // nil before open
	wg        sync.WaitGroup
}

// open starts serving. Requests use the context of the login, because a
// person who closes the tab must not lose the code.
func (c *callback) open(ctx context.Context, l *Login) {
	server := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.serve(ctx, l, w, r) }),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       10 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(l.authority.log.Handler(), slog.LevelDebug),
	}
	for _, ln := range c.listeners {
		c.wg.Go(func() { _ = server.Serve(ln) })
	}
	c.stop = func() {
		// The page that reports the outcome is still being written.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			server.Close()
		}
		c.wg.Wait()
	}
}

// Close stops listening.
func (c *callback) Close() {
	c.once.Do(func() {
		if c.stop != nil {
			c.stop()
			return
		}
		for _, ln := range c.listeners {
			ln.Close()
		}
	})
}

func (c *callback) serve(ctx context.Context, l *Login, w http.ResponseWriter, r *http.Request) {
	if r.URL.EscapedPath() != c.path {
		http.NotFound(w, r)
		return
	}
	// Only a GET may use up the code; link checkers send HEAD.
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	q, err := parseRedirect("?" + r.URL.RawQuery)
	switch {
	case err != nil:
		err = l.failed(BadRedirect, err)
	case subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(l.State)) == 0:
		// The state is compared before anything is read from the vault,
		// because any web page can send such requests.
		err = l.failed(WrongState, nil)
	default:
		err = l.authority.acceptResponse(ctx, l.target, q)
		if reason := reasonOfLogin(err); err != nil && (reason == StillWaiting || reason == "") {
			l.tell(err)
		}
	}
	l.authority.log.Debug("callback", "server", l.Server, "error", err)
	writePage(w, l.Server, err)
}
