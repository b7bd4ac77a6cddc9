package auth

import (
	"cmp"
	"encoding/json"
	"errors"
	"strings"
)

// deadEnd is the error for metadata at url that no login can begin with.
func (t *target) deadEnd(reason DiscoveryReason, url string, err error) error {
	e := &DiscoveryError{URL: t.tell(url, 200), Reason: reason, Err: err, Entry: t.entry(endpoints{})}
	if reason == NoResource {
		e.Entry = `"resource": ` + quote(t.canonical())
	}
	return e
}

// reasonOfDiscovery returns the reason of the DiscoveryError within err, or "".
func reasonOfDiscovery(err error) DiscoveryReason {
	if e, ok := errors.AsType[*DiscoveryError](err); ok {
		return e.Reason
	}
	return ""
}

// deadEndOf is deadEnd for an authorization server whose metadata are sound
// otherwise, so that the entry names its endpoints.
func (t *target) deadEndOf(e endpoints, reason DiscoveryReason, err error) error {
	return &DiscoveryError{URL: t.tell(e.issuer, 200), Reason: reason, Err: err, Entry: t.entry(e)}
}

// maxKnown bounds a URL of metadata in an entry, in bytes.
const maxKnown = 500

// entry is the "oauth" of an entry that names its endpoints and its client,
// with what is known of them.
func (t *target) entry(e endpoints) string {
	const unknown = "…"
	known := func(s string) string {
		if isBearer(s) && len(s) <= maxKnown { // nothing that changes the look of the line
			return s
		}
		return unknown
	}
	members := []namedURL{
		{"authorize_url", cmp.Or(t.Config.AuthorizeURL, known(e.authorize))},
		{"token_url", cmp.Or(t.Config.TokenURL, known(e.token))},
		{"client_id", cmp.Or(t.Config.ClientID, unknown)},
		{"redirect_uri", cmp.Or(t.Config.RedirectURI, defaultRedirect)},
	}
	var b strings.Builder
	for i, m := range members {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote(m.name) + ": " + quote(m.value))
	}
	return `"oauth": {` + b.String() + "}"
}

// quote writes s as JSON.
func quote(s string) string {
	b, _ := json.Marshal(s) // a string always can be
	return string(b)
}
