package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// An authServer is npm's oidc-provider, and a protected MCP server that takes
// its tokens.
type authServer struct {
	t        tb
	issuer   string
	resource string // URL of the protected MCP server
	log      *journal

	id, secret string // what the protected server introspects with

	mu     sync.Mutex
	tokens map[string]bool // access tokens that it took
}

// newAuthServer starts both; access tokens live so many seconds. The settings
// are environment variables of op.mjs.
func (s *sandbox) newAuthServer(seconds int, settings ...string) *authServer {
	s.t.Helper()
	node := need(s.t, "node")
	a := &authServer{t: s.t, tokens: map[string]bool{}}
	upstream := newFakeUpstream("protected", 0)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/oauth-protected-resource/mcp", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(entry{"resource": a.resource, "authorization_servers": []string{a.issuer}, "scopes_supported": []string{"mcp:basic"}})
	})
	mux.HandleFunc("/mcp", func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !a.active(token) {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer resource_metadata=%q, scope="mcp:basic"`,
				strings.TrimSuffix(a.resource, "/mcp")+"/.well-known/oauth-protected-resource/mcp"))
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		a.mu.Lock()
		a.tokens[token] = true
		a.mu.Unlock()
		upstream.ServeHTTP(w, r)
	})
	server := httptest.NewServer(mux)
	s.t.Cleanup(server.Close)
	a.resource = server.URL + "/mcp"
	script := filepath.Join(nodeBin, "..", "..", "op.mjs")
	for range 5 {
		port := freePort(s.t)
		a.issuer = "http://127.0.0.1:" + port
		d := s.daemon(append(settings, "PORT="+port, "RESOURCE="+a.resource, fmt.Sprintf("TOKEN_SECONDS=%d", seconds)), node, script)
		a.log = d.stdout
		if d.ready(func() bool { return answers(a.issuer + "/.well-known/openid-configuration") }) {
			a.register()
			return a
		}
	}
	s.t.Fatalf("oidc-provider found no port")
	return nil
}

// entry is the protected server's configuration.
func (a *authServer) entry() entry {
	return entry{"url": a.resource, "oauth": entry{"discovery": true, "discovery_allowlist": []string{"127.0.0.1"}}}
}

// register makes the protected server a client that may introspect.
func (a *authServer) register() {
	a.t.Helper()
	resp, err := http.Post(a.issuer+"/reg", "application/json", strings.NewReader(
		`{"redirect_uris":[],"grant_types":[],"response_types":[],"token_endpoint_auth_method":"client_secret_basic"}`))
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	var client struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&client); err != nil || client.Secret == "" {
		a.t.Fatalf("registration answers %s: %v", resp.Status, err)
	}
	a.id, a.secret = client.ID, client.Secret
}

// active asks the authorization server about a token.
func (a *authServer) active(token string) bool {
	if token == "" {
		return false
	}
	req, err := http.NewRequest(http.MethodPost, a.issuer+"/token/introspection", strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(a.id), url.QueryEscape(a.secret))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var answer struct{ Active bool }
	return json.NewDecoder(resp.Body).Decode(&answer) == nil && answer.Active
}

// taken lists the access tokens that the protected server took so far.
func (a *authServer) taken() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Keys(a.tokens))
}

// An authEvent is something that oidc-provider tells of itself.
type authEvent struct {
	Event, Grant, Detail string
	Secrets              []string // codes, verifiers and tokens that went over the wire
}

func (a *authServer) events(name, grant string) (found []authEvent) {
	for line := range strings.Lines(a.log.String()) {
		var e authEvent
		if json.Unmarshal([]byte(line), &e) == nil && e.Event == name && (grant == "" || e.Grant == grant) {
			found = append(found, e)
		}
	}
	return found
}

// A person has a browser of the simplest kind: it keeps cookies, fills in the
// forms of oidc-provider, and stops at the first address elsewhere.
type person struct {
	t      tb
	client *http.Client
	issuer string
}

func (a *authServer) newPerson() *person { return newPerson(a.t, a.issuer) }

func newPerson(t tb, issuer string) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, issuer: issuer}
	p.client = &http.Client{Jar: jar, Timeout: 30 * time.Second, CheckRedirect: func(req *http.Request, _ []*http.Request) error {
		if !strings.HasPrefix(req.URL.String(), p.issuer+"/") {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	return p
}

var (
	formAction = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)
	formHidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)
)

// land is allow for a browser that goes on to the proxy's own page, which it
// returns.
func (p *person) land(link string) string {
	p.t.Helper()
	resp, err := p.client.Get(p.allow(link))
	if err != nil {
		p.t.Fatalf("the callback: %v", err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatalf("the callback: %v", err)
	}
	return string(page)
}

// allow follows the link, logs in as alice, consents, and returns the address
// that the browser is sent to at the end; none if it ends on a page without a
// form, as the device flow does.
func (p *person) allow(link string) string {
	p.t.Helper()
	resp, err := p.client.Get(link)
	for range 8 {
		if err != nil {
			p.t.Fatalf("the person's browser: %v", err)
		}
		page, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if landed, err := resp.Location(); err == nil {
			return landed.String()
		}
		action := formAction.FindSubmatch(page)
		if action == nil {
			if resp.StatusCode != http.StatusOK {
				p.t.Fatalf("%s: %s %.500s", resp.Request.URL, resp.Status, bytes.TrimSpace(page))
			}
			return ""
		}
		form := url.Values{"login": {"alice"}, "password": {"x"}, "confirm": {"yes"}}
		for _, hidden := range formHidden.FindAllSubmatch(page, -1) {
			form.Set(string(hidden[1]), string(hidden[2]))
		}
		target, perr := resp.Request.URL.Parse(string(action[1]))
		if perr != nil {
			p.t.Fatal(perr)
		}
		resp, err = p.client.PostForm(target.String(), form)
	}
	p.t.Fatalf("eight forms were not enough")
	return ""
}
