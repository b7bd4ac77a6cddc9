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

// noPKCE is the error for an authorization server that does not advertise PKCE
// with S256. Its metadata are sound otherwise, so that the entry names its
// endpoints.
func (t *target) noPKCE(e endpoints) error {
	return &DiscoveryError{URL: t.tell(e.issuer, 200), Reason: NoPKCE, Err: errNoPKCE, Entry: t.entry(e)}
}

// entry is the "oauth" of an entry that names its endpoints and its client,
// with what is known of them.
func (t *target) entry(e endpoints) string {
	const unknown = "…"
	members := []namedURL{
		{"authorize_url", cmp.Or(t.Config.AuthorizeURL, e.authorize, unknown)},
		{"token_url", cmp.Or(t.Config.TokenURL, e.token, unknown)},
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
