package authtest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCodeFlow(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	resource := "https://up.example/mcp"
	code := c.code("scope", "read offline_access", "resource", resource)
	c.exchange(c.code(), "code_verifier", "another").expect(t, 400, "invalid_grant")
	c.exchange(c.code(), "redirect_uri", redirectURI).expect(t, 400, "invalid_grant")
	c.exchange(c.code("resource", resource), "resource", "https://other.example").expect(t, 400, "invalid_target")

	tokens := c.exchange(code, "resource", resource)
	if tokens.status != 200 || tokens.json["scope"] != "read offline_access" || tokens.json["expires_in"] != 3600.0 {
		t.Fatalf("tokens: %s", tokens.body)
	}
	info := c.do("POST", "/introspect", url.Values{"token": {tokens.json["access_token"].(string)}})
	if info.json["active"] != true || info.json["aud"] != resource {
		t.Errorf("introspection: %s", info.body)
	}
	// The code again: the grant is gone.
	c.exchange(code).expect(t, 400, "invalid_grant")
	c.refresh(tokens.json["refresh_token"]).expect(t, 400, "invalid_grant")
	if c.s.Count(Reused, "code") != 1 || c.s.Count(GrantRevoked, "") != 1 {
		t.Errorf("events: %v", c.s.Events())
	}
	for _, secret := range []string{code, verifier, state, tokens.json["refresh_token"].(string)} {
		if !slices.Contains(c.s.Secrets(), secret) {
			t.Errorf("a secret is not listed as one")
		}
	}
}

func TestAuthorizeRefuses(t *testing.T) {
	t.Parallel()
	c := start(t, Options{RequireResource: true})
	for _, test := range []struct{ name, param, value, problem string }{
		{"no resource", "resource", "", "invalid_target"},
		{"no challenge", "code_challenge", "", "invalid_request"},
		{"plain", "code_challenge_method", "plain", "invalid_request"},
		{"token", "response_type", "token", "unsupported_response_type"},
		{"scope", "scope", "everything", "invalid_scope"},
	} {
		q := landingQuery(t, c.do("GET", c.authorization("resource", "https://up.example", test.param, test.value), nil))
		if q.Get("error") != test.problem || q.Get("state") != state || q.Get("iss") != c.s.Issuer() || q.Has("code") {
			t.Errorf("%s: landed with %v", test.name, q)
		}
	}
	for _, pairs := range [][]string{
		{"client_id", "unknown"},
		{"redirect_uri", "http://127.0.0.1:4321/elsewhere"},
		{"redirect_uri", "http://evil.example:4321/callback"},
	} {
		if a := c.do("GET", c.authorization(pairs...), nil); a.status != 400 || a.header.Get("Location") != "" {
			t.Errorf("%v: sent to %q with %d", pairs, a.header.Get("Location"), a.status)
		}
	}
}

func TestRotationAndReuse(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	first := c.login()
	second := c.refresh(first["refresh_token"])
	if second.status != 200 || second.json["refresh_token"] == first["refresh_token"] {
		t.Fatalf("refresh: %s", second.body)
	}
	c.refresh(second.json["refresh_token"], "scope", "write").expect(t, 400, "invalid_scope")
	c.refresh(first["refresh_token"]).expect(t, 400, "invalid_grant")
	c.refresh(second.json["refresh_token"]).expect(t, 400, "invalid_grant")
	if c.s.Count(Rotated, "") != 1 || c.s.Count(Reused, grantRefresh) != 1 || c.s.Count(GrantRevoked, "") != 1 ||
		c.s.Count(TokenRequest, grantRefresh) != 4 {
		t.Errorf("events: %v", c.s.Events())
	}
}

func TestRefreshTokenOnlyWhereDue(t *testing.T) {
	t.Parallel()
	c := start(t, Options{RefreshNeedsOfflineAccess: true, NoRotation: true})
	if tokens := c.login(); tokens["refresh_token"] != nil {
		t.Error("a refresh token without offline_access")
	}
	tokens := c.login("scope", "read offline_access")
	for range 2 {
		if a := c.refresh(tokens["refresh_token"]); a.status != 200 || a.json["refresh_token"] != nil {
			t.Errorf("refresh without rotation: %s", a.body)
		}
	}
}

func TestConsentPage(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	c.s.Decide(Ask)
	for decision, want := range map[string]string{"approve": "code", "deny": "error"} {
		page := c.do("GET", c.authorization(), nil)
		_, rest, _ := strings.Cut(page.body, `name="id" value="`)
		id, _, _ := strings.Cut(rest, `"`)
		form := url.Values{"id": {id}, "decision": {decision}}
		if q := landingQuery(t, c.do("POST", "/decide", form)); !q.Has(want) {
			t.Errorf("%s landed with %v", decision, q)
		}
		if a := c.do("POST", "/decide", form); a.status != 400 {
			t.Errorf("a second answer got %d", a.status)
		}
	}
	c.s.Decide(Deny)
	if q := landingQuery(t, c.do("GET", c.authorization(), nil)); q.Get("error") != "access_denied" {
		t.Errorf("denied login landed with %v", q)
	}
}

func TestDeviceFlow(t *testing.T) {
	t.Parallel()
	for _, errorStatus := range []int{http.StatusBadRequest, http.StatusOK} {
		c := start(t, Options{DeviceInterval: time.Millisecond, DeviceErrorsOK: errorStatus == http.StatusOK})
		c.s.Decide(Ask)
		begin := func() (response, func() response) {
			a := c.do("POST", "/device_authorization", url.Values{"client_id": {c.id}, "scope": {"read"}})
			form := url.Values{"grant_type": {grantDevice}, "client_id": {c.id}, "device_code": {a.json["device_code"].(string)}}
			return a, func() response {
				<-time.After(2 * time.Millisecond) // the interval
				return c.do("POST", "/token", form)
			}
		}
		device, poll := begin()
		poll().expect(t, errorStatus, "authorization_pending")
		page := c.do("GET", device.json["verification_uri_complete"].(string), nil)
		userCode := device.json["user_code"].(string)
		if !strings.Contains(page.body, `value="`+userCode+`"`) {
			t.Errorf("the page does not know the code: %s", page.body)
		}
		done := c.do("POST", "/device", url.Values{"user_code": {userCode}, "decision": {"approve"}})
		if a := poll(); done.status != 200 || a.status != 200 || a.json["access_token"] == nil {
			t.Errorf("approved: %d, then %s", done.status, a.body)
		}
		poll().expect(t, errorStatus, "invalid_grant") // once only

		_, poll = begin()
		c.s.Decide(Deny)
		poll().expect(t, errorStatus, "access_denied")
	}
}

func TestDeviceSlowDownAndExpiry(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		options Options
		problem string
	}{
		{Options{DeviceInterval: time.Hour}, "slow_down"},
		{Options{DeviceTTL: time.Nanosecond}, "expired_token"},
	} {
		c := start(t, test.options)
		c.s.Decide(Ask)
		a := c.do("POST", "/device_authorization", url.Values{"client_id": {c.id}})
		form := url.Values{"grant_type": {grantDevice}, "client_id": {c.id}, "device_code": {a.json["device_code"].(string)}}
		c.do("POST", "/token", form)
		c.do("POST", "/token", form).expect(t, 400, test.problem)
	}
}

func TestRegistration(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	register := func(body string) response {
		return c.send("POST", "/register", body, "Content-Type", "application/json")
	}
	register(`{"redirect_uris": ["http://127.0.0.1/callback"]}`).expect(t, 400, "invalid_redirect_uri") // web by default
	register(`{"redirect_uris": ["http://up.example/c"], "application_type": "native"}`).expect(t, 400, "invalid_redirect_uri")
	register(`{"redirect_uris": ["https://up.example/c"], "token_endpoint_auth_method": "private_key_jwt"}`).expect(t, 400, "invalid_client_metadata")
	register(`[]`).expect(t, 400, "invalid_client_metadata")

	for _, method := range []string{"none", "client_secret_basic", "client_secret_post"} {
		a := register(fmt.Sprintf(`{"redirect_uris": ["http://localhost:1/callback", %q], "application_type": "native",
			"token_endpoint_auth_method": %q}`, redirectURI, method))
		if a.status != 201 {
			t.Fatalf("%s: %s", method, a.body)
		}
		c.id = a.json["client_id"].(string)
		secret, _ := a.json["client_secret"].(string)
		for used, form := range map[string][]string{
			"none": nil, "client_secret_post": {"client_secret", secret}, "client_secret_basic": {"client_id", ""},
		} {
			var header []string
			if used == "client_secret_basic" {
				r := &http.Request{Header: http.Header{}}
				r.SetBasicAuth(c.id, secret)
				header = []string{"Authorization", r.Header.Get("Authorization")}
			}
			values := url.Values{"grant_type": {grantCode}, "client_id": {c.id}, "code": {c.code()},
				"redirect_uri": {"http://127.0.0.1:4321/callback"}, "code_verifier": {verifier}}
			change(values, form)
			got := c.do("POST", "/token", values, header...)
			if fits := used == method || method == "none" && used == "client_secret_post"; fits != (got.status == 200) {
				t.Errorf("client of %s using %s got %d %s", method, used, got.status, got.body)
			}
			if got.json["refresh_token"] != nil {
				t.Error("a refresh token for a client that did not register for it")
			}
		}
	}
	c.s.ForgetClients()
	c.exchange("any").expect(t, 401, "invalid_client")
}

// TestClose: a server that was never started closes too, and one with a slow
// request does not wait for it.
func TestClose(t *testing.T) {
	t.Parallel()
	if err := New(Options{}).Close(); err != nil {
		t.Error(err)
	}
	c := start(t, Options{})
	c.s.Fail(Token, Fault{Lose: true, Delay: time.Hour})
	ended := make(chan error, 1)
	go func() {
		_, err := c.try(context.WithoutCancel(t.Context()), "POST", "/token", nil)
		ended <- err
	}()
	if err := c.s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("the request was answered")
	}
}
