package authtest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestProtect(t *testing.T) {
	t.Parallel()
	c := start(t, Options{ProtectedScopes: []string{"write"}, Protected: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "inside")
	})})
	get := func(token any) (status int, challenge string) {
		var header []string
		if token != nil {
			header = []string{"Authorization", "Bearer " + token.(string)}
		}
		a := c.do("GET", "/mcp", nil, header...)
		return a.status, a.header.Get("WWW-Authenticate")
	}
	right := c.login("scope", "write", "resource", c.s.ResourceURL())
	for _, test := range []struct {
		name      string
		token     any
		status    int
		challenge string
	}{
		{"none", nil, 401, `Bearer scope="write", resource_metadata="`},
		{"unknown", "x", 401, `Bearer error="invalid_token", scope="write", resource_metadata="`},
		{"other resource", c.login("scope", "write", "resource", "https://other.example")["access_token"], 401, `Bearer error="invalid_token"`},
		{"too little", c.login("scope", "read")["access_token"], 403, `Bearer error="insufficient_scope", scope="write"`},
		{"right", right["access_token"], 200, ""},
	} {
		status, challenge := get(test.token)
		if status != test.status || !strings.HasPrefix(challenge, test.challenge) || test.challenge == "" && challenge != "" {
			t.Errorf("%s: %d %s", test.name, status, challenge)
		}
	}
	c.s.ExpireTokens()
	if status, _ := get(right["access_token"]); status != 401 {
		t.Errorf("expired token: %d", status)
	}
	again := c.refresh(right["refresh_token"])
	c.s.RevokeGrants()
	if status, _ := get(again.json["access_token"]); status != 401 {
		t.Errorf("token of a revoked grant: %d", status)
	}
	c.refresh(again.json["refresh_token"]).expect(t, 400, "invalid_grant")
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	for _, kind := range []string{"access_token", "refresh_token"} {
		tokens := c.login()
		form := map[string][]string{"client_id": {c.id}, "token": {tokens[kind].(string)}}
		for range 2 { // the second time it is unknown, which is no error
			if a := c.do("POST", "/revoke", form); a.status != 200 {
				t.Errorf("%s: %d", kind, a.status)
			}
		}
		active := func(kind string) any {
			return c.do("POST", "/introspect", map[string][]string{"token": {tokens[kind].(string)}}).json["active"]
		}
		if active("access_token") != false || active("refresh_token") != (kind == "access_token") {
			t.Errorf("after revoking the %s: %v, %v", kind, active("access_token"), active("refresh_token"))
		}
	}
}

func TestMetadataPlaces(t *testing.T) {
	t.Parallel()
	inserted, appended := "/.well-known/openid-configuration/tenant", "/tenant/.well-known/openid-configuration"
	oauth := "/.well-known/oauth-authorization-server/tenant"
	for place, paths := range map[MetadataPlace][]string{
		MetadataEverywhere: {oauth, inserted, appended}, MetadataOAuth: {oauth},
		MetadataOpenIDInserted: {inserted}, MetadataOpenIDAppended: {appended}, MetadataNowhere: nil,
	} {
		c := start(t, Options{MetadataAt: place, IssuerPath: "/tenant", Documents: map[string]Client{}})
		found := 0
		for _, path := range []string{oauth, inserted, appended, "/.well-known/oauth-authorization-server"} {
			if a := c.do("GET", path, nil); a.status == 200 {
				found++
				if a.json["issuer"] != c.s.URL+"/tenant" || a.json["client_id_metadata_document_supported"] != true {
					t.Errorf("%s: %s", path, a.body)
				}
			}
		}
		for _, path := range paths {
			if a := c.do("GET", path, nil); a.status != 200 {
				t.Errorf("place %d: %s answers %d", place, path, a.status)
			}
		}
		if found != len(paths) {
			t.Errorf("place %d: found at %d paths, want %d", place, found, len(paths))
		}
	}
}

func TestResourceMetadataPlaces(t *testing.T) {
	t.Parallel()
	atPath := wellKnownResource + "/mcp"
	for place, want := range map[ResourceMetadataPlace]struct{ named, found string }{
		ResourceMetadataByBoth: {atPath, atPath}, ResourceMetadataAtPath: {"", atPath},
		ResourceMetadataAtRoot: {"", wellKnownResource}, ResourceMetadataElsewhere: {elsewhere, elsewhere},
		ResourceMetadataNowhere: {"", ""},
	} {
		c := start(t, Options{ResourceMetadataAt: place, Protected: http.NotFoundHandler()})
		challenge := c.do("GET", "/mcp", nil).header.Get("WWW-Authenticate")
		if named := strings.Contains(challenge, "resource_metadata"); named != (want.named != "") ||
			named && !strings.Contains(challenge, c.s.URL+want.named+`"`) {
			t.Errorf("place %d: challenge %s", place, challenge)
		}
		for _, path := range []string{atPath, wellKnownResource, elsewhere} {
			a := c.do("GET", path, nil)
			if (a.status == 200) != (path == want.found) || a.status == 200 && a.json["resource"] != c.s.ResourceURL() {
				t.Errorf("place %d: %s answers %d %s", place, path, a.status, a.body)
			}
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	const path = "/.well-known/oauth-authorization-server"
	get := func() (response, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		return c.try(ctx, "GET", path, nil)
	}
	c.s.Fail(Metadata, Fault{Status: 500, Body: "oops", Times: 1})
	if a, err := get(); err != nil || a.status != 500 || a.body != "oops" {
		t.Errorf("status: %d %s, %v", a.status, a.body, err)
	}
	if a, err := get(); err != nil || a.status != 200 {
		t.Errorf("after the fault: %d, %v", a.status, err)
	}
	c.s.Fail(Metadata, Fault{Redirect: "https://elsewhere.example/"})
	if a, err := get(); err != nil || a.status != 307 || a.header.Get("Location") != "https://elsewhere.example/" {
		t.Errorf("redirect: %d, %v", a.status, err)
	}
	c.s.Fail(Metadata, Fault{Drop: true})
	if a, err := get(); err == nil {
		t.Errorf("dropped: %d", a.status)
	}
	for name, f := range map[string]Fault{"endless": {Endless: true}, "trickle": {Trickle: time.Millisecond}} {
		c.s.Fail(Metadata, f)
		resp, err := c.http.Get(c.s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.CopyN(io.Discard, resp.Body, 50); n != 50 || err != nil {
			t.Errorf("%s ended after %d bytes, %v", name, n, err)
		}
		resp.Body.Close()
	}
	c.s.Fail(Metadata, Fault{Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.try(ctx, "GET", path, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("delayed: %v", err)
	}
	c.s.Heal(Metadata)
	c.s.Override(Metadata, map[string]any{"issuer": "http://10.0.0.1", "token_endpoint": nil})
	if a, err := get(); err != nil || a.json["issuer"] != "http://10.0.0.1" || a.json["token_endpoint"] != nil {
		t.Errorf("overridden: %s, %v", a.body, err)
	}
}

// TestLostAnswer: the server rotated, the client never heard of it. Its next
// try is a reuse.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	tokens := c.login()
	c.s.Fail(Token, Fault{Lose: true, Times: 1})
	_, err := c.try(t.Context(), "POST", "/token", map[string][]string{
		"grant_type": {grantRefresh}, "client_id": {c.id}, "refresh_token": {tokens["refresh_token"].(string)}})
	if err == nil || c.s.Count(Rotated, "") != 1 {
		t.Errorf("the answer came: %v", err)
	}
	c.refresh(tokens["refresh_token"]).expect(t, 400, "invalid_grant")
	c.s.Override(Authorize, map[string]any{"iss": "https://evil.example"})
	if q := landingQuery(t, c.do("GET", c.authorization(), nil)); q.Get("iss") != "https://evil.example" {
		t.Errorf("landed with %v", q)
	}
}
