package e2e

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mcpproxy/auth/authtest"
)

var stateOf = regexp.MustCompile(`[?&]state=([^&"\s]+)`)

// Everything that an authorization server issues or is shown in the life of
// a few logins (tokens, codes, verifiers, client secrets, states) is searched
// for in all that the proxy says, logs, shows in the list of processes, and
// writes. It is found in the one file that the person asked for, and the state
// in the links, which are for the person.
func TestTokensStayInside(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	log := s.path("proxy.log")
	s.setenv("PROXY_LOG_LEVEL=debug", "PROXY_LOG_FILE="+log)
	a := s.newTestServer(authtest.Options{AuthMethods: []string{"client_secret_post"}, NoDevice: true})
	d := s.newTestServer(authtest.Options{AuthMethods: []string{"client_secret_basic"}})
	s.configure(servers{"code": discovering(a.ResourceURL()), "device": discovering(d.ResourceURL())})
	shown := s.watchProcesses()
	var said strings.Builder
	says := func(text string) { said.WriteString(text + "\n") }

	alice, host := newPerson(t, a.URL), s.serve()
	host.open(rev2025)
	tool := func(fields entry) { says(string(host.mcp(fields).raw)) }
	complete := func(url string) { tool(entry{"action": "complete_login", "server": "code", "redirect_url": url}) }
	says(host.through("code", "echo", entry{"text": "x"}).text())
	link, landed := host.pending("code", alice)
	says(link)
	complete(forge(t, landed, "state", "forged"))
	complete(strings.Replace(landed, "iss=", "was=", 1))
	link, landed = host.pending("code", alice)
	says(link)
	complete(landed)
	complete(landed)
	says(host.through("code", "echo", entry{"text": "in"}).ok().text())
	tool(entry{"action": "status"})
	says(s.proxy("refresh", "code").all())
	a.Fail(authtest.Token, authtest.Fault{Times: 1, Status: 500, Body: `{"refresh_token":"half an answer`})
	says(s.proxy("refresh", "code").all())
	a.ExpireTokens()
	says(host.through("code", "echo", entry{"text": "again"}).text())

	d.Decide(authtest.Deny)
	says(s.proxy("login", "device").all())
	d.Decide(authtest.Approve)
	says(s.proxy("login", "device").all())
	says(host.through("device", "echo", entry{"text": "in"}).ok().text())

	command, link := s.startLogin("code")
	says(alice.land(link))
	<-command.gone
	says(command.stdout.String() + command.stderr.String())
	for _, args := range [][]string{{"status"}, {"status", "--json"}, {"list"}, {"list", "--resolve"}, {"connect", "code"}, {"tools", "device"}} {
		says(s.proxy(args...).all())
	}
	d.RevokeGrants()
	says(host.through("device", "echo", entry{"text": "out"}).text())
	says(s.proxy("call", "device", "echo", `{"text":"out"}`).all())
	vault := s.path("state/proxy/vault/file/credentials.json")
	if info, err := os.Stat(vault); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the file store: %v %v", info, err)
	}
	before := s.searchFor(slices.Concat(a.Secrets(), d.Secrets()))
	says(s.proxy("logout", "code").all())
	says(s.proxy("logout", "device").all())
	host.close()
	says(host.stderr.String())

	secrets := slices.Concat(a.Secrets(), d.Secrets())
	if n := len(before[vault]); len(secrets) < 20 || said.Len() < 2000 || n < 2 {
		t.Fatalf("%d secrets, %d of them in the file store, and %d bytes are no test", len(secrets), n, said.Len())
	}
	after := s.searchFor(secrets)
	for path, found := range before {
		if path != vault {
			t.Errorf("%d secrets are in %s: %.12s…", len(found), path, found[0])
		}
	}
	for path, found := range after {
		t.Errorf("after the logout %d secrets are in %s: %.12s…", len(found), path, found[0])
	}
	var states []string
	for _, m := range stateOf.FindAllStringSubmatch(said.String(), -1) {
		states = append(states, m[1])
	}
	lines := shown()
	for _, secret := range secrets {
		if at := strings.Index(said.String(), secret); at >= 0 && !slices.Contains(states, secret) {
			t.Errorf("it is said: …%s…", around(said.String(), at))
		}
		if at := strings.Index(lines, secret); at >= 0 {
			t.Errorf("the list of processes shows …%s…", around(lines, at))
		}
	}
	if text, err := os.ReadFile(log); err != nil || !strings.Contains(string(text), "logged in") {
		t.Errorf("the log tells nothing: %v", err)
	}
}

// searchFor finds the sandbox's files that hold secrets, and which.
func (s *sandbox) searchFor(secrets []string) map[string][]string {
	s.t.Helper()
	found := map[string][]string{}
	for _, secret := range secrets {
		for _, path := range s.filesWith(secret) {
			found[path] = append(found[path], secret)
		}
	}
	return found
}

// watchProcesses looks at the command lines of the sandbox's processes until
// they are asked for.
func (s *sandbox) watchProcesses() (commands func() string) {
	var over atomic.Bool
	seen := make(chan string, 1)
	go func() {
		lines := map[string]bool{}
		poll(10*time.Minute, func() bool {
			for _, p := range processes(s.dir) {
				lines[p.command] = true
			}
			return over.Load() || s.t.Context().Err() != nil
		})
		var all strings.Builder
		for line := range lines {
			all.WriteString(line + "\n")
		}
		seen <- all.String()
	}()
	return func() string {
		over.Store(true)
		return <-seen
	}
}
