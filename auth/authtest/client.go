package authtest

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
)

// A Client is registered at the server. Its JSON form is the client metadata
// of RFC 7591 section 2.
type Client struct {
	ID              string   `json:"client_id,omitempty"`
	Secret          string   `json:"client_secret,omitempty"`
	AuthMethod      string   `json:"token_endpoint_auth_method,omitempty"` // "none" by default if there is no secret
	RedirectURIs    []string `json:"redirect_uris,omitempty"`
	GrantTypes      []string `json:"grant_types,omitempty"` // all by default, except for a dynamically registered client
	ApplicationType string   `json:"application_type,omitempty"`
	Name            string   `json:"client_name,omitempty"`
	Scope           string   `json:"scope,omitempty"` // if set, the client may ask for nothing else

	registered bool
}

// register answers RFC 7591 section 3, with the redirect URI rules of OpenID
// Connect Dynamic Client Registration section 2.
func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	var c Client
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&c) != nil {
		s.refuse(w, "", http.StatusBadRequest, "invalid_client_metadata", "not a JSON object")
		return
	}
	if c.ApplicationType == "" {
		c.ApplicationType = "web"
	}
	if c.GrantTypes == nil {
		c.GrantTypes = []string{grantCode}
	}
	if c.AuthMethod == "" {
		c.AuthMethod = "client_secret_basic"
	}
	if c.Scope == "" {
		c.Scope = s.o.ClientScope
	}
	if !slices.Contains(s.o.AuthMethods, c.AuthMethod) {
		s.refuse(w, "", http.StatusBadRequest, "invalid_client_metadata", "authentication method not supported")
		return
	}
	if slices.Contains(c.GrantTypes, grantCode) && len(c.RedirectURIs) == 0 {
		s.refuse(w, "", http.StatusBadRequest, "invalid_redirect_uri", "no redirect URI")
		return
	}
	for _, uri := range c.RedirectURIs {
		if err := checkRedirect(uri, c.ApplicationType); err != nil {
			s.refuse(w, "", http.StatusBadRequest, "invalid_redirect_uri", err.Error())
			return
		}
	}
	c.ID, c.Secret, c.registered = "client-"+rand.Text(), "", true
	if c.AuthMethod != "none" {
		c.Secret = rand.Text()
	}
	s.mu.Lock()
	s.clients[c.ID] = c
	s.hide(c.Secret)
	s.record(Registered, c.ID, c.AuthMethod)
	s.mu.Unlock()

	b, _ := json.Marshal(c) // strings only
	doc := map[string]any{}
	_ = json.Unmarshal(b, &doc)
	answer(w, http.StatusCreated, s.override(Register, doc))
}

// checkRedirect checks a redirect URI of a client of that application type.
func checkRedirect(uri, applicationType string) error {
	u, err := url.Parse(uri)
	switch {
	case err != nil || !u.IsAbs() || u.Fragment != "":
		return fmt.Errorf("%q is not an absolute URI without fragment", uri)
	case applicationType == "native" && u.Scheme == "http" && !isLoopback(u):
		return fmt.Errorf("%q is http and not on loopback", uri)
	case applicationType == "web" && (u.Scheme != "https" || isLoopback(u)):
		return fmt.Errorf("%q is not https elsewhere than on loopback, as application type web asks", uri)
	}
	return nil
}

func isLoopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// allows reports whether uri is one of the client's redirect URIs. Loopback
// URIs may differ in the port (RFC 8252 section 7.3).
func (c Client) allows(uri string) bool {
	asked, err := url.Parse(uri)
	return err == nil && slices.ContainsFunc(c.RedirectURIs, func(registered string) bool {
		have, err := url.Parse(registered)
		if err != nil || !isLoopback(have) || have.Scheme != "http" {
			return registered == uri
		}
		a, h := *asked, *have
		a.Host, h.Host = a.Hostname(), h.Hostname()
		return a.String() == h.String()
	})
}

// may reports whether the client may use a grant type.
func (c Client) may(grantType string) bool {
	return c.GrantTypes == nil || slices.Contains(c.GrantTypes, grantType)
}

// client returns the client with that id; s.mu is held.
func (s *Server) client(id string) (Client, bool) {
	c, ok := s.clients[id]
	if !ok {
		// The id of a Client ID Metadata Document is its URL.
		c, ok = s.o.Documents[id]
		c.ID = id
	}
	if ok && c.AuthMethod == "" && c.Secret == "" {
		c.AuthMethod = "none"
	}
	return c, ok
}

// authenticate returns the client of a request, RFC 6749 section 2.3, or
// answers invalid_client. A client with a secret and no method may use
// either method.
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request) (Client, bool) {
	id, secret, method := r.PostFormValue("client_id"), r.PostFormValue("client_secret"), "client_secret_post"
	if user, password, ok := r.BasicAuth(); ok {
		// RFC 6749 section 2.3.1 encodes both as a form does.
		user, userErr := url.QueryUnescape(user)
		password, passwordErr := url.QueryUnescape(password)
		if userErr != nil || passwordErr != nil || secret != "" {
			s.refuse(w, id, http.StatusBadRequest, "invalid_request", "two or malformed authentications")
			return Client{}, false
		}
		id, secret, method = user, password, "client_secret_basic"
	} else if secret == "" {
		method = "none"
	}
	s.mu.Lock()
	c, ok := s.client(id)
	s.mu.Unlock()
	right := subtle.ConstantTimeCompare([]byte(secret), []byte(c.Secret)) == 1
	if !ok || !right || c.AuthMethod != "" && c.AuthMethod != method {
		w.Header().Set("WWW-Authenticate", `Basic realm="authtest"`)
		s.refuse(w, id, http.StatusUnauthorized, "invalid_client", "unknown client, wrong secret or other method")
		return Client{}, false
	}
	return c, true
}

// refuse sends an error response, RFC 6749 section 5.2.
func (s *Server) refuse(w http.ResponseWriter, client string, status int, code, description string) {
	s.mu.Lock()
	s.record(Refused, client, code)
	s.mu.Unlock()
	answer(w, status, map[string]string{"error": code, "error_description": description})
}
