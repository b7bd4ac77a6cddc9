package auth

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"mcpproxy/auth/authtest"
	"mcpproxy/auth/vault"
)

// An error that quotes what was sent does not show it, not even cut.
func TestErrorQuotesNoSecret(t *testing.T) {
	t.Parallel()
	const token, odd = "0123456789abcdefghijklmnopqrstuvwxyz", "s3cr3t/&<with> +päß%"
	secretOf := func(r *http.Request) (basic, secret string) {
		basic = strings.TrimPrefix(r.Header.Get("Authorization"), "Basic ")
		b, _ := base64.StdEncoding.DecodeString(basic)
		_, secret, _ = strings.Cut(string(b), ":")
		return basic, secret
	}
	spread := func(s string) string { return strings.Join(strings.Split(s, ""), "\u200b") }
	for name, c := range map[string]struct {
		method string
		quotes func(r *http.Request) string
	}{
		"refresh token":  {authNone, func(r *http.Request) string { return r.PostFormValue("refresh_token") }},
		"its form":       {authNone, func(r *http.Request) string { return url.QueryEscape(r.PostFormValue("refresh_token")) }},
		"spread":         {authNone, func(r *http.Request) string { return spread(r.PostFormValue("refresh_token")) }},
		"secret, post":   {authPost, func(r *http.Request) string { return r.PostFormValue("client_secret") }},
		"secret, form":   {authPost, func(r *http.Request) string { return url.QueryEscape(r.PostFormValue("client_secret")) }},
		"secret, path":   {authPost, func(r *http.Request) string { return url.PathEscape(r.PostFormValue("client_secret")) }},
		"secret, page":   {authPost, func(r *http.Request) string { return html.EscapeString(r.PostFormValue("client_secret")) }},
		"secret, spread": {authPost, func(r *http.Request) string { return spread(r.PostFormValue("client_secret")) }},
		"secret, base64": {authPost, func(r *http.Request) string {
			return base64.StdEncoding.EncodeToString([]byte(r.PostFormValue("client_secret")))
		}},
		"secret, JSON": {authPost, func(r *http.Request) string {
			b, _ := json.Marshal(r.PostFormValue("client_secret"))
			return string(b[1:])
		}},
		"basic, header":  {authBasic, func(r *http.Request) string { basic, _ := secretOf(r); return basic }},
		"basic, as sent": {authBasic, func(r *http.Request) string { _, s := secretOf(r); return s }},
		"basic, lower": {authBasic, func(r *http.Request) string {
			_, s := secretOf(r)
			return percent().ReplaceAllStringFunc(s, strings.ToLower)
		}},
		"basic, decoded": {authBasic, func(r *http.Request) string { _, s := secretOf(r); s, _ = url.QueryUnescape(s); return s }},
		"basic, anew": {authBasic, func(r *http.Request) string {
			_, s := secretOf(r)
			s, _ = url.QueryUnescape(s)
			return base64.StdEncoding.EncodeToString([]byte("client:" + s))
		}},
		"basic, no paddi": {authBasic, func(r *http.Request) string { basic, _ := secretOf(r); return strings.TrimRight(basic, "=") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var quoted string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				quoted = c.quotes(r)
				w.WriteHeader(http.StatusBadRequest)
				json.NewEncoder(w).Encode(map[string]string{
					"error": strings.Repeat("y", 45) + quoted, "error_description": strings.Repeat("x", 182) + quoted + " and " + quoted,
				})
			}))
			defer server.Close()
			a := New(Options{Vault: newVault(t)})
			defer a.Close()
			target, err := a.target(Server{URL: server.URL})
			if err != nil {
				t.Fatal(err)
			}
			form := url.Values{"refresh_token": {token}, "code": {token}, "code_verifier": {""}}
			_, err = target.post(t.Context(), server.URL, vault.Client{ID: "client", Secret: odd, AuthMethod: c.method}, form)
			if quoted == "" || err == nil {
				t.Fatalf("quoted %q: %v", quoted, err)
			}
			if part := strings.ReplaceAll(quoted, "\u200b", "")[:6]; strings.Contains(err.Error(), part) || strings.Count(err.Error(), "***") < 2 {
				t.Errorf("%q is in %v", part, err)
			}
		})
	}
}

// Tokens that an answer holds beside an error are not quoted from it either.
func TestErrorQuotesNoNewToken(t *testing.T) {
	t.Parallel()
	const token = "0123456789abcdefghijklmnopqrstuvwxyz"
	for _, name := range []string{"access_token", "refresh_token", "id_token", "client_secret"} {
		body, _ := json.Marshal(map[string]string{name: token, "error": "x", "error_description": strings.Repeat("x", 190) + token})
		resp := &http.Response{StatusCode: 500, Request: &http.Request{URL: &url.URL{Host: "as.example"}}}
		if _, err := reader.readResponse(resp, body, nil); err == nil || strings.Contains(err.Error(), token[:8]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A short value is a part of ordinary words, and is left in them.
func TestShortValuesAreNoSecrets(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"error":"invalid_request","error_description":"the client is invalid"}`)
	}))
	defer server.Close()
	a := New(Options{Vault: newVault(t)})
	defer a.Close()
	target, err := a.target(Server{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{authBasic, authPost} {
		_, err = target.post(t.Context(), server.URL, vault.Client{ID: "c", Secret: "invalid", AuthMethod: method}, url.Values{"code": {"e"}, "token": {"client"}})
		if err == nil || err.Error() != `invalid_request: "the client is invalid"` {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// What an authorization server or an upstream names is masked before it is cut.
func TestForeignTextIsMaskedBeforeItIsCut(t *testing.T) {
	t.Parallel()
	const secret = "0123456789abcdefghijklmnopqrstuvwxyz"
	long := func(before int) string {
		return "https://elsewhere.example/" + strings.Repeat("x", before-len("https://elsewhere.example/")-12) + secret
	}
	for name, fault := range map[string]func(*testbed){
		"resource":        resource("resource", long(80)),
		"server":          resource("authorization_servers", []string{long(200) + "#"}),
		"server's path":   resource("authorization_servers", []string{long(80) + "?x"}),
		"no server there": func(w *testbed) { resource("authorization_servers", []string{w.URL + "/" + long(180)})(w) },
		"issuer":          server("issuer", long(80)),
		"endpoint":        server("token_endpoint", "ftp"+long(78)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTestbed(t, authtest.Options{Protected: open})
			fault(w)
			a := New(Options{
				Vault:  newVault(t),
				Redact: func(s string) string { return strings.ReplaceAll(s, secret, "***") },
			})
			t.Cleanup(a.Close)
			_, err := a.Begin(t.Context(), w.upstream(), LoginOptions{Flow: FlowPaste})
			if err == nil || strings.Contains(err.Error(), secret[:8]) {
				t.Errorf("%v", err)
			}
		})
	}
	w := newTestbed(t, authtest.Options{Protected: open})
	a, s := w.process(t), w.upstream()
	for _, quoted := range []func(*Login) string{
		func(l *Login) string { return l.pending.Verifier },
		func(l *Login) string { return l.State },
		func(*Login) string { return "the-code-of-this-login" },
	} {
		l := begin(t, a, s, FlowPaste)
		landed := "?" + url.Values{
			"state": {l.State}, "iss": {w.Issuer()}, "code": {"the-code-of-this-login"},
			"error": {strings.Repeat("y", 50) + quoted(l)}, "error_description": {strings.Repeat("x", 190) + quoted(l)},
		}.Encode()
		if err := a.Complete(t.Context(), s, landed); reasonOfLogin(err) != Refused || strings.Contains(err.Error(), quoted(l)[:8]) {
			t.Errorf("%v", err)
		}
	}
}
