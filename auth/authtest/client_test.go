package authtest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// A testClient speaks to a server as a public client would.
type testClient struct {
	t      *testing.T
	s      *Server
	http   *http.Client
	id     string
	secret string
}

const (
	redirectURI = "http://127.0.0.1/callback"
	verifier    = "a-verifier-of-at-least-forty-three-characters"
	state       = "a-state"
)

// start runs a server with one public client that may do everything.
func start(t *testing.T, o Options) *testClient {
	t.Helper()
	o.Clients = append(o.Clients, Client{ID: "public", RedirectURIs: []string{redirectURI}})
	s := New(o)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &testClient{t: t, s: s, id: "public", http: &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// A response is an HTTP response with its body read.
type response struct {
	status int
	header http.Header
	body   string
	json   map[string]any
}

func (c *testClient) try(ctx context.Context, method, target string, form url.Values, header ...string) (response, error) {
	header = append([]string{"Content-Type", "application/x-www-form-urlencoded"}, header...)
	return c.trySend(ctx, method, target, form.Encode(), header...)
}

func (c *testClient) trySend(ctx context.Context, method, target, body string, header ...string) (response, error) {
	if strings.HasPrefix(target, "/") {
		target = c.s.URL + target
	}
	r, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		return response{}, err
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	a := response{status: resp.StatusCode, header: resp.Header, body: string(b)}
	_ = json.Unmarshal(b, &a.json) // nil for a page
	return a, err
}

func (c *testClient) send(method, target, body string, header ...string) response {
	c.t.Helper()
	a, err := c.trySend(c.t.Context(), method, target, body, header...)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

func (c *testClient) do(method, target string, form url.Values, header ...string) response {
	c.t.Helper()
	header = append([]string{"Content-Type", "application/x-www-form-urlencoded"}, header...)
	return c.send(method, target, form.Encode(), header...)
}

// authorization is a request to the authorization endpoint; pairs change it.
func (c *testClient) authorization(pairs ...string) string {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {c.id}, "redirect_uri": {"http://127.0.0.1:4321/callback"},
		"state": {state}, "code_challenge_method": {"S256"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])},
	}
	change(q, pairs)
	return "/authorize?" + q.Encode()
}

// change sets the values of v, or removes them where they are empty.
func change(v url.Values, pairs []string) {
	for i := 0; i < len(pairs); i += 2 {
		if v.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			v.Del(pairs[i])
		}
	}
}

// landingQuery is the query that a redirect brings to the client.
func landingQuery(t *testing.T, a response) url.Values {
	t.Helper()
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil || a.status != http.StatusFound || u.Port() != "4321" {
		t.Fatalf("no redirect to the client: %d %v %s", a.status, u, a.body)
	}
	return u.Query()
}

// code logs in and returns the authorization code.
func (c *testClient) code(pairs ...string) string {
	c.t.Helper()
	q := landingQuery(c.t, c.do("GET", c.authorization(pairs...), nil))
	if q.Get("code") == "" || q.Get("state") != state || q.Get("iss") != c.s.Issuer() {
		c.t.Fatalf("landed with %v", q)
	}
	return q.Get("code")
}

// exchange exchanges a code; pairs change the request.
func (c *testClient) exchange(code string, pairs ...string) response {
	c.t.Helper()
	form := url.Values{
		"grant_type": {grantCode}, "client_id": {c.id}, "code": {code},
		"redirect_uri": {"http://127.0.0.1:4321/callback"}, "code_verifier": {verifier},
	}
	if c.secret != "" {
		form.Set("client_secret", c.secret)
	}
	change(form, pairs)
	return c.do("POST", "/token", form)
}

func (c *testClient) refresh(token any, pairs ...string) response {
	c.t.Helper()
	form := url.Values{"grant_type": {grantRefresh}, "client_id": {c.id}, "refresh_token": {token.(string)}}
	change(form, pairs)
	return c.do("POST", "/token", form)
}

// login returns the tokens of a new grant.
func (c *testClient) login(pairs ...string) map[string]any {
	c.t.Helper()
	a := c.exchange(c.code(pairs...))
	if a.status != http.StatusOK {
		c.t.Fatalf("login: %s", a.body)
	}
	return a.json
}

// expect checks an error of the token endpoint.
func (a response) expect(t *testing.T, status int, code string) {
	t.Helper()
	if a.status != status || a.json["error"] != code {
		t.Errorf("got %d %s, want %d %s", a.status, a.body, status, code)
	}
}
