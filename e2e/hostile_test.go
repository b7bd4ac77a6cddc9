package e2e

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mcpproxy/auth/authtest"
)

// A trap is a server that nothing must ever be sent to.
type trap struct {
	url, host string
	visits    atomic.Int64
}

func newTrap(t tb) *trap {
	t.Helper()
	p := &trap{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.visits.Add(1)
		t.Errorf("the trap is visited: %s %s, authorization %t", r.Method, r.URL.Path, r.Header.Get("Authorization") != "")
	}))
	t.Cleanup(server.Close)
	p.url, p.host = server.URL, strings.TrimPrefix(server.URL, "http://")
	return p
}

// only allows discovery at one server's own host and port.
func only(a *authtest.Server) entry {
	return discovering(a.ResourceURL(), "discovery_allowlist", []string{strings.TrimPrefix(a.URL, "http://")})
}

// A server whose metadata lead elsewhere, or that answers without end, is
// refused at once with the reason, before a link is shown or anything is sent
// to where it points.
func TestHostileMetadata(t *testing.T) {
	t.Parallel()
	member := func(e authtest.Endpoint, name string, value any) func(*authtest.Server, *trap) {
		return func(a *authtest.Server, p *trap) {
			if path, ok := value.(string); ok {
				value = strings.Replace(path, "TRAP", p.host, 1)
			}
			a.Override(e, map[string]any{name: value})
		}
	}
	fault := func(e authtest.Endpoint, f authtest.Fault) func(*authtest.Server, *trap) {
		return func(a *authtest.Server, p *trap) {
			f.Redirect = strings.Replace(f.Redirect, "TRAP", p.host, 1)
			a.Fail(e, f)
		}
	}
	const token = "token_endpoint"
	for _, c := range []struct {
		name    string
		prepare func(*authtest.Server, *trap)
		says    []string // TRAP stands for the trap's host, here and in URLs
	}{
		{"another authorization server", func(a *authtest.Server, p *trap) {
			a.Override(authtest.ResourceMetadata, map[string]any{"authorization_servers": []string{p.url}})
		}, []string{"TRAP", "discovery_allowlist"}},
		{"a private authorization server", func(a *authtest.Server, _ *trap) {
			a.Override(authtest.ResourceMetadata, map[string]any{"authorization_servers": []string{"https://10.0.0.1"}})
		}, []string{"10.0.0.1", "discovery_allowlist"}},
		{"another token endpoint", member(authtest.Metadata, token, "http://TRAP/token"), []string{"TRAP"}},
		{"another authorization endpoint", member(authtest.Metadata, "authorization_endpoint", "http://TRAP/authorize"), []string{"TRAP"}},
		{"another registration endpoint", member(authtest.Metadata, "registration_endpoint", "http://TRAP/register"), []string{"TRAP"}},
		{"cloud metadata", member(authtest.Metadata, token, "https://169.254.169.254/latest"), []string{"169.254.169.254"}},
		{"plain http", member(authtest.Metadata, token, "http://login.example/token"), []string{token, "must be https"}},
		{"plain http in the browser", member(authtest.Metadata, "authorization_endpoint", "http://login.example/"), []string{"authorization_endpoint", "must be https"}},
		{"a script as a link", member(authtest.Metadata, "authorization_endpoint", "javascript:alert(1)"), []string{"authorization_endpoint"}},
		{"a password in a link", member(authtest.Metadata, "authorization_endpoint", "https://u:p@login.example/"), []string{"authorization_endpoint"}},
		{"another issuer", member(authtest.Metadata, "issuer", "https://login.example"), []string{"issuer", "https://login.example"}},
		{"another resource", member(authtest.ResourceMetadata, "resource", "https://other.example/mcp"), []string{"https://other.example/mcp"}},
		{"no PKCE", member(authtest.Metadata, "code_challenge_methods_supported", []string{"plain"}), []string{"PKCE"}},
		{"redirected metadata", fault(authtest.Metadata, authtest.Fault{Redirect: "http://TRAP/metadata"}), []string{"TRAP"}},
		{"redirected resource metadata", fault(authtest.ResourceMetadata, authtest.Fault{Redirect: "http://TRAP/metadata"}), []string{"TRAP"}},
		{"redirected registration", fault(authtest.Register, authtest.Fault{Redirect: "http://TRAP/register"}), []string{"redirect"}},
		{"metadata without end", fault(authtest.Metadata, authtest.Fault{Endless: true}), []string{"larger than"}},
		{"a registration without end", fault(authtest.Register, authtest.Fault{Endless: true}), []string{"larger than"}},
		{"slow metadata", fault(authtest.Metadata, authtest.Fault{Trickle: 100 * time.Millisecond}), []string{"/.well-known/oauth-authorization-server"}},
		{"metadata of words", fault(authtest.Metadata, authtest.Fault{Body: "Hello!"}), []string{"JSON"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, p := newSandbox(t), newTrap(t)
			a := s.newTestServer(authtest.Options{NoDevice: true})
			c.prepare(a, p)
			s.configure(servers{"hostile": only(a), "fine": fake(t)})
			begin := time.Now()
			out := s.proxy("login", "hostile")
			took := time.Since(begin)
			t.Logf("%s", strings.TrimSpace(out.stderr))
			if out.code != 4 && out.code != 1 || out.stdout != "" || took > 40*time.Second {
				t.Errorf("exit status %d after %s: %s", out.code, took, out.all())
			}
			for _, word := range c.says {
				mentions(t, "the refusal", out.stderr, []string{strings.Replace(word, "TRAP", p.host, 1)})
			}
			if strings.Contains(out.stderr, "Open this link") || a.Count(authtest.Authorized, "")+a.Count(authtest.TokenRequest, "") > 0 {
				t.Errorf("the login goes on: %v", a.Events())
			}
			host := s.serve()
			host.open(rev2025)
			r := host.mcp(entry{"action": "login", "server": "hostile"})
			if !r.IsError || strings.Contains(r.text(), `"authorize_url":`) {
				t.Errorf("the tool begins it: %s", r.text())
			}
			if next := refusalOf(r).Next; next == "" || strings.Contains(next, "proxy login") {
				t.Errorf("the way on is what just failed: %s", next)
			}
			host.through("fine", "echo", entry{"text": "undisturbed"}).ok()
		})
	}
}

// A server that names its metadata on another host in its challenge is not
// followed there, by the login or by a call.
func TestHostileChallenge(t *testing.T) {
	t.Parallel()
	s, p := newSandbox(t), newTrap(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="`+p.url+`/metadata"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(server.Close)
	s.configure(servers{"hostile": discovering(server.URL+"/mcp", "discovery_allowlist", []string{strings.TrimPrefix(server.URL, "http://")})})
	if out := s.proxy("call", "hostile", "echo"); out.code != 4 {
		t.Errorf("a call exits with %d: %s", out.code, out.all())
	}
	out := s.proxy("login", "hostile")
	if out.code != 4 {
		t.Errorf("login exits with %d: %s", out.code, out.all())
	}
	mentions(t, "login", out.stderr, []string{p.host, "discovery_allowlist"})
}

// What comes back at the end of a login is no more trusted than what it
// began with.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	const markup = "<script>alert(1)</script>\x1b[31m\r\nproxy: all is well"
	for _, c := range []struct {
		name    string
		prepare func(*authtest.Server, *trap)
		says    string
	}{
		{"markup", func(a *authtest.Server, _ *trap) {
			a.Override(authtest.Authorize, map[string]any{"code": nil, "error": "server_error", "error_description": markup})
		}, "alert(1)"},
		{"markup from the token endpoint", func(a *authtest.Server, _ *trap) {
			a.Fail(authtest.Token, authtest.Fault{Status: 400, Body: `{"error":"invalid_request","error_description":"<script>alert(1)</script>\u001b[31m\r\nproxy: all is well"}`})
		}, "alert(1)"},
		{"a redirected code", func(a *authtest.Server, p *trap) {
			a.Fail(authtest.Token, authtest.Fault{Redirect: p.url + "/token"})
		}, "redirect"},
		{"tokens without end", func(a *authtest.Server, _ *trap) {
			a.Fail(authtest.Token, authtest.Fault{Endless: true})
		}, "larger than"},
		{"no bearer token", func(a *authtest.Server, _ *trap) {
			a.Override(authtest.Token, map[string]any{"token_type": "mac"})
		}, "token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, p := newSandbox(t), newTrap(t)
			a := s.newTestServer(authtest.Options{NoDevice: true})
			c.prepare(a, p)
			s.configure(servers{"hostile": only(a)})
			command, link := s.startLogin("hostile")
			landed := newPerson(t, a.URL).allow(link)
			out := s.run(landed+"\n", binary(t), "login", "hostile")
			t.Logf("%s", strings.TrimSpace(out.stderr))
			if out.code == 0 || out.stdout != "" {
				t.Errorf("exit status %d: %s", out.code, out.all())
			}
			mentions(t, "the refusal", out.stderr, []string{c.says})
			page := get(t, landed)
			command.kill()
			if said := command.stderr.String() + out.stderr; strings.Contains(said, "\x1b") || strings.Contains(said, "\nproxy: all is well") {
				t.Errorf("foreign text is not kept to its line: %q", said)
			}
			if strings.Contains(page, "<script") || strings.Contains(page, "logged in to") {
				t.Errorf("the page: %s", page)
			}
			if out := s.proxy("call", "hostile", "echo", `{"text":"x"}`); out.code != 4 {
				t.Errorf("a call exits with %d: %s", out.code, out.all())
			}
		})
	}
}

// Lifetimes that make no sense neither overflow nor start a storm of refreshes.
func TestHostileLifetimes(t *testing.T) {
	t.Parallel()
	for _, lifetime := range []any{1e300, 9007199254740993.0, -5, "forever", "1e9", []int{1}, 0} {
		s := newSandbox(t)
		a := s.newTestServer(authtest.Options{NoDevice: true})
		a.Override(authtest.Token, map[string]any{"expires_in": lifetime})
		s.configure(servers{"hostile": only(a)})
		host := s.serve()
		host.open(rev2025)
		_, landed := host.pending("hostile", newPerson(t, a.URL))
		host.mcp(entry{"action": "complete_login", "server": "hostile", "redirect_url": landed}).ok()
		for range 5 {
			host.through("hostile", "echo", entry{"text": "in"}).ok()
		}
		var list struct {
			Servers []struct {
				Auth struct {
					State     string
					ExpiresAt time.Time `json:"expires_at"`
				}
			}
		}
		host.mcp(entry{"action": "status", "server": "hostile"}).ok().into(&list)
		if st := list.Servers[0].Auth; st.State != "logged_in" || time.Until(st.ExpiresAt) > 367*24*time.Hour {
			t.Errorf("%v: %+v", lifetime, st)
		}
		if n := a.Count(authtest.TokenRequest, ""); n != 1 {
			t.Errorf("%v: %d token requests", lifetime, n)
		}
		host.close()
	}
}

// get returns a page's text, or nothing if it cannot be had any more.
func get(t tb, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	var page strings.Builder
	if err := resp.Write(&page); err != nil {
		t.Errorf("%s: %v", url, err)
	}
	return page.String()
}
