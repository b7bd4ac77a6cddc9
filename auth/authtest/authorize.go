package authtest

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"time"
)

// codeTTL is the lifetime of an authorization code.
const codeTTL = time.Minute

// authorize answers RFC 6749 section 4.1.1 with PKCE (RFC 7636 section 4.3).
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.mu.Lock()
	client, known := s.client(q.Get("client_id"))
	decision := s.decision
	s.hide(q.Get("state"))
	s.mu.Unlock()
	redirectURI := q.Get("redirect_uri")
	if !known || !client.allows(redirectURI) {
		// RFC 6749 section 4.1.2.1: never redirect to an unregistered URI.
		showMessage(w, http.StatusBadRequest, "Unknown client or redirect URI.")
		return
	}
	req := request{redirectURI: redirectURI, state: q.Get("state"), challenge: q.Get("code_challenge")}
	g, problem := s.grantFor(client, q.Get("scope"), q["resource"])
	switch {
	case q.Get("response_type") != "code":
		problem = "unsupported_response_type"
	case !client.may(grantCode):
		problem = "unauthorized_client"
	case q.Get("code_challenge_method") != "S256" || len(req.challenge) != 43:
		problem = "invalid_request"
	}
	if problem != "" {
		s.sendBack(w, r, req, client.ID, problem)
		return
	}
	req.grant = g
	switch decision {
	case Ask:
		id := rand.Text()
		s.mu.Lock()
		s.requests[id] = req
		s.mu.Unlock()
		showConsent(w, "/decide", id, client, g)
	case Deny:
		s.sendBack(w, r, req, client.ID, "access_denied")
	default:
		s.sendCode(w, r, req)
	}
}

// decide handles the form of the consent page.
func (s *Server) decide(w http.ResponseWriter, r *http.Request) {
	id := r.PostFormValue("id")
	s.mu.Lock()
	req, ok := s.requests[id]
	delete(s.requests, id)
	s.mu.Unlock()
	switch {
	case !ok:
		showMessage(w, http.StatusBadRequest, "This login is over.")
	case r.PostFormValue("decision") == "approve":
		s.sendCode(w, r, req)
	default:
		s.sendBack(w, r, req, req.grant.client, "access_denied")
	}
}

// sendCode issues a code, RFC 6749 section 4.1.2.
func (s *Server) sendCode(w http.ResponseWriter, r *http.Request, req request) {
	value := "code-" + rand.Text()
	s.mu.Lock()
	s.codes[value] = code{request: req, expires: time.Now().Add(codeTTL)}
	s.hide(value)
	s.record(Authorized, req.grant.client, "code")
	s.mu.Unlock()
	s.redirect(w, r, req, map[string]any{"code": value})
}

// sendBack redirects with an error, RFC 6749 section 4.1.2.1.
func (s *Server) sendBack(w http.ResponseWriter, r *http.Request, req request, client, problem string) {
	s.mu.Lock()
	if problem == "access_denied" {
		s.record(Denied, client, "code")
	} else {
		s.record(Refused, client, problem)
	}
	s.mu.Unlock()
	s.redirect(w, r, req, map[string]any{"error": problem, "error_description": "authtest says " + problem})
}

// redirect sends the browser back with state and, for RFC 9207, iss.
func (s *Server) redirect(w http.ResponseWriter, r *http.Request, req request, params map[string]any) {
	params["iss"] = s.Issuer()
	if req.state != "" {
		params["state"] = req.state
	}
	to, err := url.Parse(req.redirectURI)
	if err != nil {
		showMessage(w, http.StatusBadRequest, "Unknown redirect URI.")
		return
	}
	q := to.Query()
	for name, value := range s.override(Authorize, params) {
		if text, ok := value.(string); ok {
			q.Set(name, text)
		}
	}
	to.RawQuery = q.Encode()
	http.Redirect(w, r, to.String(), http.StatusFound)
}
