package authtest

import (
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Options configure a [Server]. The zero value supports everything except
// Client ID Metadata Documents, and approves every login at once.
type Options struct {
	// IssuerPath gives the issuer a path ("/tenant"), empty for none.
	IssuerPath string
	// MetadataAt is where the authorization server metadata is found.
	MetadataAt MetadataPlace
	// ResourceMetadataAt is where the protected resource metadata is found.
	ResourceMetadataAt ResourceMetadataPlace

	Clients        []Client          // registered beforehand
	NoRegistration bool              // no RFC 7591 endpoint
	ClientScope    string            // of a client that registers without a scope; empty allows all
	Documents      map[string]Client // Client ID Metadata Documents by URL; nil does not support them
	AuthMethods    []string          // of the token endpoint; none, client_secret_basic and client_secret_post by default

	Scopes        []string // supported; "read", "write" and "offline_access" by default
	DefaultScopes []string // granted where none is asked for; "read" by default
	// RefreshNeedsOfflineAccess issues refresh tokens only with the scope
	// offline_access, OpenID Connect Core section 11.
	RefreshNeedsOfflineAccess bool
	NoRotation                bool          // refresh tokens stay the same
	AccessTokenTTL            time.Duration // one hour by default; responses name whole seconds
	RequireResource           bool          // RFC 8707: refuse requests without resource

	NoDevice       bool          // no RFC 8628 endpoint
	DeviceTTL      time.Duration // of a device code, 5 minutes by default
	DeviceInterval time.Duration // between polls, 1 s by default; responses name whole seconds
	// DeviceErrorsOK answers errors of a poll with status 200, as GitHub
	// does.
	DeviceErrorsOK bool

	// Protected, if set, is served at /mcp of the same origin, behind
	// [Server.Protect] with ProtectedScopes.
	Protected       http.Handler
	ProtectedScopes []string
}

// A Decision is how the person at the authorization server decides.
type Decision int

// The decisions of [Server.Decide].
const (
	Approve Decision = iota // at once
	Ask                     // on a page with two buttons
	Deny                    // at once
)

// A Server is an authorization server. Its methods may be called concurrently.
type Server struct {
	// URL is the origin, "http://127.0.0.1:PORT", set by Start.
	URL string

	o    Options
	http *http.Server
	done chan struct{} // closed by the goroutine that serves; nil before Start

	mu       sync.Mutex
	decision Decision
	clients  map[string]Client
	requests map[string]request // waiting for a decision, by id
	codes    map[string]code
	devices  map[string]*device // by device code
	access   map[string]accessToken
	refresh  map[string]*refreshToken
	faults   map[Endpoint]*Fault
	members  map[Endpoint]map[string]any
	events   []Event
	secrets  []string
}

// New returns a server that does not listen yet.
func New(o Options) *Server {
	setDefault(&o.Scopes, "read", "write", "offline_access")
	setDefault(&o.DefaultScopes, "read")
	setDefault(&o.AuthMethods, "none", "client_secret_basic", "client_secret_post")
	if o.AccessTokenTTL == 0 {
		o.AccessTokenTTL = time.Hour
	}
	if o.DeviceTTL == 0 {
		o.DeviceTTL = 5 * time.Minute
	}
	if o.DeviceInterval == 0 {
		o.DeviceInterval = time.Second
	}
	s := &Server{
		o:       o,
		clients: map[string]Client{}, requests: map[string]request{}, codes: map[string]code{},
		devices: map[string]*device{}, access: map[string]accessToken{}, refresh: map[string]*refreshToken{},
		faults: map[Endpoint]*Fault{}, members: map[Endpoint]map[string]any{},
	}
	for _, c := range o.Clients {
		s.clients[c.ID] = c
		s.secrets = append(s.secrets, c.Secret)
	}
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	return s
}

func setDefault(to *[]string, values ...string) {
	if *to == nil {
		*to = values
	}
}

// Start listens on a free port of 127.0.0.1 and serves until Close.
func (s *Server) Start() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.URL, s.done = "http://"+l.Addr().String(), make(chan struct{})
	go func() {
		defer close(s.done)
		_ = s.http.Serve(l) // ends with Close
	}()
	return nil
}

// Close stops the server and its connections.
func (s *Server) Close() error {
	err := s.http.Close()
	if s.done != nil {
		<-s.done
	}
	return err
}

// Issuer is the issuer identifier, RFC 8414 section 2.
func (s *Server) Issuer() string { return s.URL + s.o.IssuerPath }

// ResourceURL is the URL of Options.Protected.
func (s *Server) ResourceURL() string { return s.URL + "/mcp" }

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, e Endpoint, h http.HandlerFunc) {
		mux.Handle(pattern, s.faulty(e, h))
	}
	handle("GET /.well-known/", Metadata, s.metadata)
	handle("GET "+s.o.IssuerPath+"/.well-known/openid-configuration", Metadata, s.metadata)
	handle("GET /.well-known/oauth-protected-resource", ResourceMetadata, s.ResourceMetadata)
	handle("GET /.well-known/oauth-protected-resource/", ResourceMetadata, s.ResourceMetadata)
	handle("GET "+elsewhere, ResourceMetadata, s.ResourceMetadata)
	handle("GET /authorize", Authorize, s.authorize)
	handle("POST /decide", Authorize, s.decide)
	handle("POST /token", Token, s.token)
	handle("POST /revoke", Revoke, s.revoke)
	handle("POST /introspect", Introspect, s.introspect)
	if !s.o.NoRegistration {
		handle("POST /register", Register, s.register)
	}
	if !s.o.NoDevice {
		handle("POST /device_authorization", Device, s.startDevice)
		handle("GET /device", DevicePage, s.devicePage)
		handle("POST /device", DevicePage, s.decideDevice)
	}
	if s.o.Protected != nil {
		mux.Handle("/mcp", s.Protect(s.o.Protected, s.o.ProtectedScopes...))
	}
	return mux
}

// Decide sets the decision for new logins and for device logins that are
// still pending.
func (s *Server) Decide(d Decision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.decision = d
}

// RevokeGrants revokes every grant with all its tokens.
func (s *Server) RevokeGrants() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.refresh {
		s.revokeGrant(r.grant)
	}
	for _, a := range s.access {
		s.revokeGrant(a.grant)
	}
}

// ExpireTokens expires every access token, and keeps the grants.
func (s *Server) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.access)
}

// ForgetClients removes every dynamically registered client.
func (s *Server) ForgetClients() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, c := range s.clients {
		if c.registered {
			delete(s.clients, id)
		}
	}
}

// The kinds of an [Event].
const (
	Registered   = "registered"    // RFC 7591
	Authorized   = "authorized"    // a code was issued or a device approved
	Denied       = "denied"        // by the person
	TokenRequest = "token request" // Detail is the grant type
	Rotated      = "rotated"       // a refresh token was used and replaced
	Reused       = "reused"        // a code or refresh token was used again
	GrantRevoked = "grant revoked"
	Refused      = "refused" // Detail is the error code
	Faulted      = "faulted" // a request met a fault; Detail is the endpoint
)

// An Event happened at the server. It holds no secret.
type Event struct {
	Time   time.Time
	Kind   string
	Client string // client id, if known
	Detail string
}

// record adds an event; s.mu is held.
func (s *Server) record(kind, client, detail string) {
	s.events = append(s.events, Event{time.Now(), kind, client, detail})
}

// Events returns all events so far.
func (s *Server) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// Count returns the number of events of that kind, and with that detail
// unless it is empty.
func (s *Server) Count(kind, detail string) int {
	n := 0
	for _, e := range s.Events() {
		if e.Kind == kind && (detail == "" || e.Detail == detail) {
			n++
		}
	}
	return n
}

// Secrets returns what was issued or shown and must not leak: tokens, codes,
// client secrets, verifiers, states.
func (s *Server) Secrets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.secrets), func(v string) bool { return v == "" })
}

// hide adds secrets; s.mu is held.
func (s *Server) hide(secrets ...string) { s.secrets = append(s.secrets, secrets...) }
