package auth

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"mcpproxy/auth/egress"
)

// A NeedsAuthReason says why a login is needed.
type NeedsAuthReason string

// The reasons of a [NeedsAuthError].
const (
	NoCredential      NeedsAuthReason = "no_credential"      // no login yet, or only for another server URL, issuer or resource
	Expired           NeedsAuthReason = "expired"            // the access token has expired and there is no refresh token
	Revoked           NeedsAuthReason = "revoked"            // the authorization server refused the refresh token or the client
	Unusable          NeedsAuthReason = "unusable_answer"    // the refresh token may be used up by a refresh whose answer holds no tokens
	Rejected          NeedsAuthReason = "rejected"           // the upstream refuses a token that was just obtained
	InsufficientScope NeedsAuthReason = "insufficient_scope" // the upstream asks for more scopes, RFC 6750 section 3.1
	IssuerChanged     NeedsAuthReason = "issuer_changed"     // the upstream now names another authorization server
)

// A NeedsAuthError says that the person has to log in. A network failure
// never becomes one.
type NeedsAuthError struct {
	Server string
	Scopes []string // asked for by the upstream, may be empty
	Reason NeedsAuthReason
	Err    error // after Revoked and Unusable what the authorization server answered, as far as it is known
}

func (e *NeedsAuthError) Error() string {
	s := e.Server + " needs a login (" + string(e.Reason) + ")"
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *NeedsAuthError) Unwrap() error { return e.Err }

// needsLogin reports whether err asks for a login.
func needsLogin(err error) bool {
	_, ok := errors.AsType[*NeedsAuthError](err)
	return ok
}

// A ForbiddenError says that the upstream answered HTTP 403 and that another
// login would not help: it names no scope, or only scopes that a login has
// asked for.
type ForbiddenError struct {
	Server string
	Scopes []string // named by the upstream although a login asked for them
}

func (e *ForbiddenError) Error() string {
	if len(e.Scopes) > 0 {
		return e.Server + " refuses although the login asked for " + strings.Join(e.Scopes, " ")
	}
	return e.Server + " refuses access"
}

// A RefreshError says that a token could not be refreshed now. The
// credential is kept, and the refresh is tried again after RetryAt.
type RefreshError struct {
	Server  string
	RetryAt time.Time
	Err     error // may be an [*OAuthError], a [*vault.Error] or a network error
}

func (e *RefreshError) Error() string {
	return "the login to " + e.Server + " could not be refreshed now: " + e.Err.Error()
}
func (e *RefreshError) Unwrap() error { return e.Err }

// A LoginReason says why a login did not succeed.
type LoginReason string

// The reasons of a [LoginError].
const (
	BadRedirect     LoginReason = "bad_redirect"     // not a redirect URL with a state and a code or error
	WrongState      LoginReason = "wrong_state"      // the URL belongs to another login; this one is still pending
	NoLogin         LoginReason = "no_login"         // no login is pending
	AlreadyFinished LoginReason = "already_finished" // the login has finished before
	LoginExpired    LoginReason = "login_expired"    // the login was not finished in time
	CodeRefused     LoginReason = "code_refused"     // the authorization code has expired or was used before
	Denied          LoginReason = "denied"           // the person or a policy denied access
	Refused         LoginReason = "refused"          // the authorization server answered with another error code
	WrongIssuer     LoginReason = "wrong_issuer"     // RFC 9207: the response names another issuer, or none
	Superseded      LoginReason = "superseded"       // a newer login superseded this one and did not succeed either
	Cancelled       LoginReason = "cancelled"        // cancelled in this process or another
	NotByPaste      LoginReason = "not_by_paste"     // the pending login uses the device flow
	NoDevice        LoginReason = "no_device"        // the device flow is not offered
	BadToken        LoginReason = "bad_token"        // the token response has no bearer token
	StillWaiting    LoginReason = "still_waiting"    // there was no answer, or one that asks to come again later
)

// A LoginError says why a login did not succeed. After WrongState,
// BadRedirect, NotByPaste and StillWaiting the login is still pending.
type LoginError struct {
	Server string
	Reason LoginReason
	Err    error // what the authorization server answered, such as an [*OAuthError], or why there is no answer
}

func (e *LoginError) Error() string {
	s := "login to " + e.Server + ": " + strings.ReplaceAll(string(e.Reason), "_", " ")
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *LoginError) Unwrap() error { return e.Err }

// Waiting reports whether the login is still pending.
func (e *LoginError) Waiting() bool {
	return e.Reason == WrongState || e.Reason == BadRedirect || e.Reason == NotByPaste || e.Reason == StillWaiting
}

// An OAuthError is an error response of an authorization server (RFC 6749
// sections 4.1.2.1 and 5.2, RFC 7591 section 3.2.2, RFC 8628 section 3.5).
type OAuthError struct {
	Code        string // as RFC 6749 section 5.2 spells it, cleaned
	Description string // foreign text: one line without control characters, cut at 200 characters

	Status     int           // of the HTTP response; 0 for the parameters of a redirect
	RetryAfter time.Duration // zero if the server named none
}

func (e *OAuthError) Error() string {
	if e.Description == "" {
		return e.Code
	}
	return e.Code + ": " + strconv.Quote(e.Description)
}

// An HTTPError is a response with an unexpected HTTP status and no OAuth
// error code.
type HTTPError struct {
	Host       string
	Status     int
	Words      string        // foreign text: the first words of the body, cleaned, without secrets and cut; empty for a page
	RetryAfter time.Duration // zero if the server named none
}

func (e *HTTPError) Error() string {
	switch {
	case e.Status/100 == 3:
		return fmt.Sprintf("%s answered HTTP %d, a redirect that is not followed here", e.Host, e.Status)
	case e.Words != "":
		return fmt.Sprintf("%s answered HTTP %d: %q", e.Host, e.Status, e.Words)
	}
	return fmt.Sprintf("%s answered HTTP %d", e.Host, e.Status)
}

// An AnswerError is a successful response whose content cannot be used.
type AnswerError struct {
	Host string
	Err  error
}

func (e *AnswerError) Error() string { return e.Host + ": " + e.Err.Error() }
func (e *AnswerError) Unwrap() error { return e.Err }

// isBlocked reports whether err is our own refusal to contact a host.
func isBlocked(err error) bool {
	_, host := errors.AsType[*egress.BlockedHostError](err)
	_, address := errors.AsType[*egress.BlockedAddressError](err)
	return host || address
}

func isAnswerError(err error) bool {
	_, ok := errors.AsType[*AnswerError](err)
	return ok
}

// A DiscoveryReason says what is wrong with metadata, for those errors that
// only another entry in the configuration can get around.
type DiscoveryReason string

// The reasons of a [DiscoveryError].
const (
	NoMetadata    DiscoveryReason = "no_metadata"    // neither at the upstream nor at its authorization server
	BadChallenge  DiscoveryReason = "bad_challenge"  // the upstream's challenge names no usable URL, and no metadata is elsewhere
	NoServer      DiscoveryReason = "no_server"      // the resource names no authorization server
	NoResource    DiscoveryReason = "no_resource"    // the resource metadata does not say what it is about
	OtherResource DiscoveryReason = "other_resource" // it is about another server
	OtherIssuer   DiscoveryReason = "other_issuer"   // another authorization server than was asked for
	NoPKCE        DiscoveryReason = "no_pkce"        // PKCE with S256 is not advertised
	BadMetadata   DiscoveryReason = "bad_metadata"   // not what RFC 8414 or RFC 9728 asks for
)

// A DiscoveryError says that metadata cannot be fetched or is not
// acceptable.
type DiscoveryError struct {
	URL    string          // of the metadata document, or of who should have one
	Reason DiscoveryReason // empty if it was not fetched, which may pass
	Err    error

	// Entry is the line for the entry of the server with which a login does
	// without what is wrong, with "…" for what the person has to find out.
	// It replaces the "oauth" of the entry, except after NoResource, when it
	// is a line to add to it. It is empty if Reason is.
	Entry string
}

func (e *DiscoveryError) Error() string { return "metadata " + e.URL + ": " + e.Err.Error() }
func (e *DiscoveryError) Unwrap() error { return e.Err }

// A ClientRequiredError says that the authorization server offers no way to
// register a client, or has not registered one, so that a person must do so
// unless [ClientRequiredError.MayPass].
type ClientRequiredError struct {
	Issuer      string
	RedirectURI string // to be registered, and set as oauth.redirect_uri
	Endpoint    string // where the registration failed; empty if there is none
	Err         error  // why it failed
}

func (e *ClientRequiredError) Error() string {
	if e.Err == nil {
		return e.Issuer + " offers no client registration"
	}
	return "registration of a client at " + e.Endpoint + ": " + e.Err.Error()
}

func (e *ClientRequiredError) Unwrap() error { return e.Err }

// MayPass reports whether the same registration may succeed later: there was no
// answer, or one that asks to wait.
func (e *ClientRequiredError) MayPass() bool {
	if e.Err == nil {
		return false
	}
	_, answered := factOf(e.Err)
	return AsksToWait(e.Err) || !answered && !isAnswerError(e.Err)
}

// Entry is what a person who has registered a client adds to the "oauth" of the
// server, with "…" for its id. Without the redirect URI another one is sent than
// was registered.
func (e *ClientRequiredError) Entry() string {
	return `"client_id": "…", "redirect_uri": ` + quote(e.RedirectURI)
}
