package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"mcpproxy/auth/egress"
	"mcpproxy/auth/vault"
)

// Options say what an [Authority] works with. Vault is required.
type Options struct {
	Vault *vault.Vault

	// Transport, if it is not nil, carries every request instead of the
	// Authority's own transports. Host names are checked before it is
	// called; the addresses that they resolve to are not.
	Transport http.RoundTripper

	Getenv   func(string) string // client ids of built-in providers; nil finds none
	Log      *slog.Logger        // nil discards
	OnSecret func(string)        // called with each token, code, verifier and secret, before its first use
	Redact   func(string) string // masks secrets in foreign text before it is cut; nil masks those just sent
}

// An Authority obtains, keeps and refreshes the credentials of all upstreams
// of one process. Its methods may be called concurrently.
//
// It owns one goroutine per pending login, with its listener or poller, and
// one per refresh call. Close ends them and waits for them.
type Authority struct {
	vault      *vault.Vault
	transports egress.Transports
	getenv     func(string) string
	log        *slog.Logger
	onSecret   func(string)
	redact     func(string) string

	life    context.Context // cancelled by Close
	end     context.CancelFunc
	wg      sync.WaitGroup
	pending chan struct{} // capacity 1: one login at a time supersedes another

	mu     sync.Mutex
	closed bool
	states map[string]*state // by vault key
}

// A state is what one process remembers about the credential of one upstream.
// It is only changed within [Authority.update].
type state struct {
	refreshing *refreshCall // the refresh call that is running, or nil
	login      *Login       // the newest login of this process, or nil

	failures  int       // refreshes failed in a row
	notBefore time.Time // of the next refresh
	lastErr   error     // of the last one

	// The record whose refresh token must not be sent again unless a person
	// asks, and why, in case the index could not be written.
	spent      uint64 // its generation
	spentError error  // a [*NeedsAuthError]

	// A token that came from a refresh after a 401 is suspect: if the
	// upstream refuses it at once, another refresh would not help.
	suspect     uint64 // its generation
	suspectUses int    // how often it was used

	refused refusedProbe

	used bool // this process has sent a token to the upstream

	challenge challenge // the upstream's last
	asked     []string  // scopes that the last login of this process asked for
}

func (s *state) forgetFailures() { s.failures, s.notBefore, s.lastErr = 0, time.Time{}, nil }

// New returns an Authority. The caller must Close it.
func New(o Options) *Authority {
	life, end := context.WithCancel(context.Background())
	a := &Authority{
		vault:      o.Vault,
		transports: egress.NewTransports(o.Transport),
		getenv:     o.Getenv,
		log:        o.Log,
		onSecret:   o.OnSecret,
		redact:     o.Redact,
		life:       life,
		end:        end,
		pending:    make(chan struct{}, 1),
		states:     map[string]*state{},
	}
	if a.getenv == nil {
		a.getenv = func(string) string { return "" }
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.onSecret == nil {
		a.onSecret = func(string) {}
	}
	if a.redact == nil {
		a.redact = func(s string) string { return s }
	}
	return a
}

// ErrClosed says that the Authority is closed. A pending login stays in the
// vault.
var ErrClosed = errors.New("shutting down")

// Close ends pending logins, which stay in the vault for another process to
// finish, and refuses new work. It waits for a refresh whose request was
// sent, and for its save, because the response may hold the only valid
// refresh token.
func (a *Authority) Close() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.end()
	a.wg.Wait()
	a.transports.Close()
}

// update changes the state of one credential. f must not block.
func (a *Authority) update(key string, f func(*state)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.states[key]
	if s == nil {
		s = &state{}
		a.states[key] = s
	}
	f(s)
}

// run starts a goroutine that Close waits for, unless it has been called.
func (a *Authority) run(f func()) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return ErrClosed
	}
	a.wg.Go(f)
	return nil
}

// registerSecrets tells whoever redacts.
func (a *Authority) registerSecrets(values ...string) {
	for _, v := range values {
		if v != "" {
			a.onSecret(v)
		}
	}
}

// get returns the credential of t. If there is none, or it was issued for
// another configuration of t, the error is a [*NeedsAuthError].
func (a *Authority) get(ctx context.Context, t *target) (vault.Record, error) {
	r, err := a.vault.Get(ctx, t.Key)
	return a.checkBinding(t, r, err)
}

// reload is get without the vault's cache.
func (a *Authority) reload(ctx context.Context, t *target) (vault.Record, error) {
	r, err := a.vault.Reload(ctx, t.Key)
	return a.checkBinding(t, r, err)
}

func (a *Authority) checkBinding(t *target, r vault.Record, err error) (vault.Record, error) {
	if errors.Is(err, vault.ErrNoCredential) {
		return vault.Record{}, t.needsAuth(NoCredential)
	}
	if err != nil {
		return vault.Record{}, err
	}
	a.registerSecrets(r.AccessToken, r.RefreshToken, r.Client.Secret)
	if !t.owns(r) {
		return vault.Record{}, t.needsAuth(NoCredential)
	}
	return r, nil
}
