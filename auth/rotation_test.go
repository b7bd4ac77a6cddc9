package auth

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"mcpproxy/auth/authtest"
	"mcpproxy/auth/vault"
)

// change returns a fault that changes members of a token response.
func change(members map[string]any) func(int, string) (int, string) {
	return func(status int, body string) (int, string) {
		var all map[string]any
		if json.Unmarshal([]byte(body), &all) != nil {
			return status, body
		}
		for name, value := range members {
			if all[name] = value; value == nil {
				delete(all, name)
			}
		}
		b, _ := json.Marshal(all)
		return status, string(b)
	}
}

// again returns a fault that repeats the refresh token with that value.
func again(value string) func(int, string) (int, string) {
	return func(status int, body string) (int, string) {
		return status, strings.TrimRight(body, "}\n") + `,"refresh_token":` + value + "}"
	}
}

// member returns a string member of a token response.
func member(body, name string) string {
	var all map[string]any
	_ = json.Unmarshal([]byte(body), &all)
	s, _ := all[name].(string)
	return s
}

// A refresh token that came with an answer is kept, whatever else is wrong
// with the answer, and the one that it replaces is not sent again.
func TestRotatedTokenIsKept(t *testing.T) {
	t.Parallel()
	for name, rewrite := range map[string]func(int, string) (int, string){
		"foreign token type": change(map[string]any{"token_type": "mac"}),
		"no access token":    change(map[string]any{"access_token": nil}),
		"odd access token":   change(map[string]any{"access_token": "a b\n"}),
		"numeric token":      change(map[string]any{"access_token": 7}),
		"huge access token":  change(map[string]any{"access_token": strings.Repeat("x", 300<<10)}),
		"error beside":       change(map[string]any{"error": "server_error"}),
		"refusal beside":     change(map[string]any{"error": "invalid_grant"}),
		"byte order mark":    func(status int, body string) (int, string) { return status, "\ufeff" + body },
		"trailing bytes":     func(status int, body string) (int, string) { return status, body + "<!-- 0.1 s -->" },
		"leading bytes":      func(status int, body string) (int, string) { return status, "Notice: x{y}\n" + body },
		"cut off":            func(status int, body string) (int, string) { return status, strings.TrimRight(body, "}\n") },
		"cut off later": func(status int, body string) (int, string) {
			return status, strings.TrimRight(body, "}\n") + `,"scope":"re`
		},
		"bad escape": func(status int, body string) (int, string) {
			return status, strings.Replace(body, "{", `{"x":"\q",`, 1)
		},
		"form as JSON": func(status int, body string) (int, string) {
			var all map[string]any
			if json.Unmarshal([]byte(body), &all) != nil {
				return status, body
			}
			return status, url.Values{"access_token": {all["access_token"].(string)}, "refresh_token": {all["refresh_token"].(string)}}.Encode()
		},
		"form with a bad escape": func(status int, body string) (int, string) {
			return status, "access_token=" + member(body, "access_token") + "&x=%zz&refresh_token=" + member(body, "refresh_token")
		},
		"form, then empty": func(status int, body string) (int, string) {
			return status, "access_token=" + member(body, "access_token") + "&refresh_token=" + member(body, "refresh_token") + "&refresh_token="
		},
		"twice, then null":     again("null"),
		"twice, then empty":    again(`""`),
		"twice, then a number": again("7"),
		"twice, then a list":   again("[]"),
		"twice, first null": func(status int, body string) (int, string) {
			return status, strings.Replace(body, "{", `{"refresh_token":null,`, 1)
		},
		"twice, HTTP 500": func(_ int, body string) (int, string) {
			_, body = again("null")(0, body)
			return 500, body
		},
		"twice and cut off": func(status int, body string) (int, string) {
			return status, strings.TrimRight(body, "}\n") + `,"refresh_token":"","scope":"re`
		},
		"another object before": func(status int, body string) (int, string) { return status, `{"warning":1}` + body },
		"within an object":      func(status int, body string) (int, string) { return status, `{"data":` + body + `}` },
		"within, HTTP 500":      func(_ int, body string) (int, string) { return 500, `{"error":{"code":1},"data":` + body + `}` },
		"within a string": func(status int, body string) (int, string) {
			b, _ := json.Marshal(body)
			return status, string(b)
		},
		"single quotes":     func(status int, body string) (int, string) { return status, strings.ReplaceAll(body, `"`, "'") },
		"HTTP 500, cut off": func(_ int, body string) (int, string) { return 500, strings.TrimRight(body, "}\n") },
		"HTTP 401, cut off": func(_ int, body string) (int, string) { return 401, strings.TrimRight(body, "}\n") + `,"scope":"re` },
		"HTTP 502, a page":  func(_ int, body string) (int, string) { return 502, "<html><pre>{" + body + "</pre>" },
		"HTTP 500":          func(_ int, body string) (int, string) { return 500, body },
		"HTTP 302":          func(_ int, body string) (int, string) { return 302, body },
		"HTTP 401":          func(_ int, body string) (int, string) { return 401, body },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTestbed(t, authtest.Options{Protected: open})
			a, s := w.process(t), w.upstream()
			w.login(t, a, s)
			w.Fail(authtest.Token, authtest.Fault{Rewrite: rewrite})
			w.ExpireTokens()
			_, err := request(t, a.Handler(s), s.URL)
			if n := w.Count(authtest.Rotated, ""); n != 1 {
				t.Fatalf("%d rotations: %v", n, err)
			}
			t.Log(err)
			if st, err := a.Status(s); err != nil || st.State != LoggedIn {
				t.Errorf("status %+v, %v", st, err)
			}
			w.Heal(authtest.Token)
			if err := w.process(t).Refresh(t.Context(), s); err != nil {
				t.Errorf("the new refresh token is lost: %v", err)
			}
			if n := w.Count(authtest.Reused, "") + w.Count(authtest.GrantRevoked, ""); n > 0 {
				t.Error("the old refresh token was sent again")
			}
			ok(t, a.Handler(s), s.URL)
		})
	}
}

// What a success holds as a refresh token is one, however it looks. What an error
// holds may be the word of a server that refuses it.
func TestWhatIsARefreshToken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status     int
		body, want string
	}{
		{200, `{"refresh_token":"RT-2"}`, "RT-2"},
		{200, `{"access_token":"a b","refresh_token":"RT-2"}`, "RT-2"},
		{200, `{"access_token":"at","token_type":"mac","refresh_token":"RT-2"}`, "RT-2"},
		{201, `{"refresh_token":"secretword"}`, "secretword"},
		{200, `{"access_token":"a","refresh_token":"secret_word"}`, "secret_word"},
		{200, `{"access_token":7,"refresh_token":"sent"}`, "sent"},
		{200, "refresh_token=RT-2", "RT-2"},
		{200, `{"refresh_token":" "}`, ""},
		{200, `{"error":"bad","refresh_token":"expired"}`, ""},
		{400, `{"refresh_token":"RT-2"}`, ""},
		{500, `{"error":"x","refresh_token":"token_expired"}`, ""},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			io.WriteString(w, c.body)
		}))
		a := New(Options{Vault: newVault(t)})
		target, err := a.target(Server{URL: server.URL})
		if err != nil {
			t.Fatal(err)
		}
		tok, err := a.requestTokens(t.Context(), target, server.URL, vault.Client{ID: "c"}, "", url.Values{"refresh_token": {"sent-before"}})
		if tok.refresh != c.want {
			t.Errorf("HTTP %d, %s: %q, %v", c.status, c.body, tok.refresh, err)
		}
		a.Close()
		server.Close()
	}
}

// A login that another process made after a logout here owes nothing to the
// refreshes that failed before.
func TestLogoutForgetsFailures(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	a, s := w.process(t), w.upstream()
	w.login(t, a, s)
	h := a.Handler(s)
	ok(t, h, s.URL)
	w.Fail(authtest.Token, authtest.Fault{Status: 500, Body: "<html>"})
	w.ExpireTokens()
	_, err := request(t, h, s.URL)
	if e, ok := errors.AsType[*RefreshError](err); !ok || e.RetryAt.IsZero() {
		t.Fatalf("%v, want a RefreshError", err)
	}
	if _, err := a.Logout(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	w.Heal(authtest.Token)
	w.login(t, w.process(t), s)
	w.ExpireTokens()
	ok(t, h, s.URL)
}
