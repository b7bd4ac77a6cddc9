//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"mcpproxy/auth/authtest"
)

// A way is one of those by which a person gets in, from the command line or
// through the tool.
type way struct {
	name   string
	server string // "code", or "device", whose authorization server offers that flow
	login  func(*keyringWorld)
}

// A keyringWorld is an account with a real keyring, and two real authorization
// servers to log in to.
type keyringWorld struct {
	*sandbox
	people map[string]*person // by server
}

// finish waits for "proxy login", which must end well and say so, and nothing
// else, on stdout.
func (s *sandbox) finish(d *daemon, server string) {
	s.t.Helper()
	select {
	case <-d.gone:
	case <-time.After(time.Minute):
		s.t.Fatalf("login does not end: %s", d.stderr)
	}
	if got, want := d.stdout.String(), "logged in to "+server+"\n"; got != want {
		s.t.Fatalf("stdout is %q, stderr %s", got, d.stderr)
	}
}

// installBrowser makes a browser that notes the link that it was given last,
// and runs until there is a file "closed".
func (s *sandbox) installBrowser() (opened string) {
	s.t.Helper()
	opened = s.path("opened")
	browser := s.write("bin/xdg-open", fmt.Sprintf("#!/bin/sh\necho noise\necho noise >&2\n"+
		"printf %%s \"$1\" >%[1]s.new && mv %[1]s.new %[1]s\nwhile [ ! -e %[2]s ]; do sleep 0.1; done\necho noise\n", opened, s.path("closed")))
	if err := os.Chmod(browser, 0o700); err != nil {
		s.t.Fatal(err)
	}
	return opened
}

// A browser is opened where the person would see it, and nowhere else.
func TestWhereABrowserIsOpened(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  string
		args []string
		want bool
	}{
		"at a display":         {env: "DISPLAY=:9", want: true},
		"on Wayland":           {env: "WAYLAND_DISPLAY=wayland-9", want: true},
		"without a display":    {env: "DISPLAY="},
		"over SSH":             {env: "DISPLAY=:9 SSH_CONNECTION=192.0.2.1"},
		"over SSH, asked for":  {env: "SSH_CONNECTION=192.0.2.1", args: []string{"--browser"}, want: true},
		"to paste":             {env: "DISPLAY=:9", args: []string{"--paste"}},
		"under an integration": {env: "DISPLAY=:9 CI=true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			a := s.newTestServer(authtest.Options{NoDevice: true})
			s.configure(servers{"protected": discovering(a.ResourceURL())})
			opened := s.installBrowser()
			defer s.write("closed", "")
			s.setenv(append(strings.Fields(c.env), "PATH="+s.path("bin")+":"+os.Getenv("PATH"))...)
			command, shown := s.startLogin(append([]string{"protected"}, c.args...)...)
			io.WriteString(command.stdin, newPerson(t, a.URL).allow(shown)+"\n")
			s.finish(command, "protected")
			if c.want {
				eventually(t, "a browser is opened", func() bool { _, err := os.Stat(opened); return err == nil })
			}
			link, err := os.ReadFile(opened)
			if got := err == nil; got != c.want || got && string(link) != shown {
				t.Errorf("opened is %q, shown was %s", link, shown)
			}
		})
	}
}

var ways = []way{
	{"command line, browser", "code", func(w *keyringWorld) {
		// The browser of this machine prints what it likes; nobody hears it.
		// It runs in the foreground until it is closed; nobody waits for that.
		opened := w.installBrowser()
		defer w.write("closed", "")
		d, shown := w.startLogin("code", "--browser")
		eventually(w.t, "the browser is opened", func() bool { _, err := os.Stat(opened); return err == nil })
		link, err := os.ReadFile(opened)
		if err != nil || string(link) != shown {
			w.t.Fatalf("the browser opens %s, shown was %s (%v)", link, shown, err)
		}
		mentions(w.t, "the page", w.people["code"].land(shown), []string{"logged in to code", "close"})
		w.finish(d, "code")
		if strings.Contains(d.stderr.String(), "noise") {
			w.t.Errorf("the browser speaks: %s", d.stderr)
		}
	}},
	{"command line, pasted while it waits", "code", func(w *keyringWorld) {
		d, shown := w.startLogin("code", "--paste")
		io.WriteString(d.stdin, "http://127.0.0.1/callback?code=x&state=forged\n")
		eventually(w.t, "a wrong paste is answered", func() bool { return strings.Contains(d.stderr.String(), "hint:") })
		io.WriteString(d.stdin, w.people["code"].allow(shown)+"\n")
		w.finish(d, "code")
	}},
	{"command line, piped to another process", "code", func(w *keyringWorld) {
		d, shown := w.startLogin("code", "--paste")
		out := w.run(w.people["code"].allow(shown)+"\n", binary(w.t), "login", "code")
		if out.code != 0 || out.stdout != "logged in to code\n" {
			w.t.Fatalf("exit status %d: %s", out.code, out.all())
		}
		w.finish(d, "code") // the one that waited takes the result
	}},
	{"command line, as argument", "code", func(w *keyringWorld) {
		d, shown := w.startLogin("code", "--paste")
		d.kill()
		if out := w.proxy("login", "code", "--paste", w.people["code"].allow(shown)); out.code != 0 {
			w.t.Fatalf("exit status %d: %s", out.code, out.all())
		}
	}},
	{"terminal, paste", "code", func(w *keyringWorld) {
		d, shown := w.terminal("login", "code")
		eventually(w.t, "the spinner turns", func() bool { return strings.Contains(d.stdout.String(), "waiting until you have logged in") })
		mentions(w.t, "the terminal", d.stdout.String(), []string{"Open this link", "paste its URL here"})
		io.WriteString(d.stdin, w.people["code"].allow(shown)+"\n")
		<-d.gone
		mentions(w.t, "the terminal", d.stdout.String(), []string{"logged in to code"})
	}},
	{"terminal, device", "device", func(w *keyringWorld) {
		d, shown := w.terminal("login", "device")
		w.people["device"].allow(shown)
		<-d.gone
		mentions(w.t, "the terminal", d.stdout.String(), []string{"enter the code", "▄▄▄▄", "logged in to device"}) // with a QR code
	}},
	{"command line, device", "device", func(w *keyringWorld) {
		d, shown := w.startLogin("device", "--device")
		w.people["device"].allow(shown)
		w.finish(d, "device")
	}},
	{"tool, paste", "code", func(w *keyringWorld) {
		host := w.serve()
		host.open(rev2026)
		host.login("code", w.people["code"])
		host.close()
	}},
	{"tool, browser", "code", func(w *keyringWorld) {
		host := w.serve()
		host.open(rev2025)
		var reply loginReply
		host.mcp(entry{"action": "login", "server": "code"}).ok().into(&reply)
		w.people["code"].land(reply.AuthorizeURL)
		host.through("code", "echo", entry{"text": "in"}).ok()
		host.close()
	}},
	{"tool, device", "device", func(w *keyringWorld) {
		host := w.serve()
		host.open(rev2025)
		var reply loginReply
		host.mcp(entry{"action": "login", "server": "device"}).ok().into(&reply)
		w.people["device"].allow(reply.Verification)
		host.loggedIn("device")
		host.close()
	}},
	{"tool, elicitation of 2025-11-25", "code", func(w *keyringWorld) {
		host := w.serve()
		host.capabilities = `{"elicitation":{"url":{}}}`
		links := make(chan string, 1)
		host.answer = func(method string, params json.RawMessage) string {
			var ask struct{ Mode, URL string }
			if method == "elicitation/create" && json.Unmarshal(params, &ask) == nil && ask.Mode == "url" {
				links <- ask.URL
				return `{"action":"accept"}`
			}
			return ""
		}
		host.open(rev2025)
		reply := host.mcp(entry{"action": "login", "server": "code"}).ok()
		if strings.Contains(reply.text(), "http") || !strings.Contains(reply.text(), `"elicitation"`) {
			w.t.Errorf("the conversation is told %s", reply.text())
		}
		w.people["code"].land(<-links)
		host.loggedIn("code")
		host.close()
	}},
	{"tool, elicitation of 2026-07-28", "code", func(w *keyringWorld) {
		host := w.serve()
		host.capabilities = `{"elicitation":{"url":{}}}`
		host.open(rev2026)
		login := entry{"name": "mcp", "arguments": entry{"action": "login", "server": "code"}}
		var asked struct {
			ResultType    string
			InputRequests map[string]struct {
				Method string
				Params struct{ Mode, URL string }
			}
		}
		raw := host.request("tools/call", login)
		if err := json.Unmarshal(raw, &asked); err != nil || asked.ResultType != "input_required" || len(asked.InputRequests) != 1 {
			w.t.Fatalf("the host is asked for nothing: %s", raw)
		}
		for id, r := range asked.InputRequests {
			if r.Method != "elicitation/create" || r.Params.Mode != "url" {
				w.t.Fatalf("the host is asked %s", raw)
			}
			w.people["code"].land(r.Params.URL)
			login["inputResponses"] = entry{id: entry{"action": "accept"}}
		}
		reply := newToolResult(w.t, host.request("tools/call", login)).ok()
		if strings.Contains(reply.text(), "http") {
			w.t.Errorf("the conversation is told %s", reply.text())
		}
		host.loggedIn("code")
		host.close()
	}},
}

// terminal runs the proxy at a terminal of some size until it has shown a link.
func (s *sandbox) terminal(args ...string) (d *daemon, shown string) {
	s.t.Helper()
	line := strings.Join(append([]string{"stty cols 100 rows 60; exec", binary(s.t)}, args...), " ")
	d = s.daemon([]string{"TERM=xterm"}, need(s.t, "script"), "-qec", line, "/dev/null")
	if !d.ready(func() bool {
		shown = link.FindString(d.stdout.String())
		return shown != "" && strings.Contains(d.stdout.String(), shown+"\r\n")
	}) {
		s.t.Fatalf("no link is shown: %s", d.stdout)
	}
	return d, shown
}

// loggedIn waits until status says that the login is done.
func (p *peer) loggedIn(server string) {
	p.t.Helper()
	eventually(p.t, "the login to "+server+" is done", func() bool {
		var status struct {
			Servers []struct{ Auth struct{ State string } }
		}
		p.mcp(entry{"action": "status", "server": server}).ok().into(&status)
		return len(status.Servers) == 1 && status.Servers[0].Auth.State == "logged_in"
	})
}

// Whichever flow a person takes, the tokens end up in the real keyring and in
// no file, the next process needs no new login, and logout takes all back.
func TestEveryFlowToTheKeyring(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	secretTool := need(t, "secret-tool")
	s.keyring(true)
	const service = "proxy-e2e"
	s.setenv("PROXY_KEYRING_SERVICE="+service, "PATH="+s.path("bin")+":"+nodeBin+":"+os.Getenv("PATH"))
	w := &keyringWorld{sandbox: s, people: map[string]*person{}}
	all := servers{}
	for name, settings := range map[string][]string{"code": nil, "device": {"DEVICE=1"}} {
		a := s.newAuthServer(60, settings...)
		w.people[name], all[name] = a.newPerson(), a.entry()
	}
	s.configure(all)
	lookup := func(server string) outcome {
		return s.run("", secretTool, "lookup", "service", service, "username", "mcp:"+server)
	}
	for _, way := range ways {
		t.Logf("%s", way.name)
		way.login(w)
		if out := s.proxy("call", way.server, "echo", `{"text":"in"}`); out.code != 0 {
			t.Fatalf("%s: after it a call exits with %d: %s", way.name, out.code, out.all())
		}
		var record map[string]any
		if out := lookup(way.server); json.Unmarshal([]byte(out.stdout), &record) != nil {
			t.Fatalf("%s: secret-tool finds no record: %s", way.name, out.all())
		}
		for _, secret := range []string{"access_token", "refresh_token"} {
			value, _ := record[secret].(string)
			if files := s.filesWith(value); value == "" || len(files) > 0 {
				t.Errorf("%s: the %s of %d bytes is in clear in %q", way.name, secret, len(value), files)
			}
		}
		if out := s.proxy("logout", way.server); out.code != 0 || !strings.Contains(out.stdout, "revoked") {
			t.Errorf("%s: logout exits with %d: %s", way.name, out.code, out.all())
		}
		if out := lookup(way.server); out.stdout != "" {
			t.Errorf("%s: after the logout secret-tool still finds something", way.name)
		}
		if out := s.proxy("call", way.server, "echo", `{"text":"out"}`); out.code != 4 {
			t.Errorf("%s: after the logout a call exits with %d: %s", way.name, out.code, out.all())
		}
	}
}

// A URL that a pipe brings late finishes the login that is pending, and no
// other one is started meanwhile. The end of stdin without a line starts one.
func TestLatePipe(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newTestServer(authtest.Options{NoDevice: true})
	who := newPerson(t, a.URL)
	s.configure(servers{"code": discovering(a.ResourceURL())})

	left, shown := s.startLogin("code", "--paste")
	left.kill()
	pipe := s.daemon(nil, binary(t), "login", "code")
	eventually(t, "it says what it waits for", func() bool { return strings.Contains(pipe.stderr.String(), "pending") })
	io.WriteString(pipe.stdin, who.allow(shown)+"\n")
	s.finish(pipe, "code")
	if strings.Contains(pipe.stderr.String(), "Open this link") {
		t.Errorf("a new login was started: %s", pipe.stderr)
	}

	left, shown = s.startLogin("code", "--paste")
	left.kill()
	other := s.daemon(nil, binary(t), "login", "code")
	eventually(t, "it says what it waits for", func() bool { return strings.Contains(other.stderr.String(), "pending") })
	if out := s.run(who.allow(shown)+"\n", binary(t), "login", "code"); out.code != 0 {
		t.Errorf("the pipe that brings the URL: %s", out.all())
	}
	s.finish(other, "code") // takes the result

	left, _ = s.startLogin("code", "--paste")
	left.kill()
	ended := s.daemon(nil, binary(t), "login", "code")
	eventually(t, "it says what it waits for", func() bool { return strings.Contains(ended.stderr.String(), "pending") })
	ended.stdin.Close()
	eventually(t, "a new link is shown", func() bool { return strings.Contains(ended.stderr.String(), "Open this link") })
	who.land(link.FindString(ended.stderr.String()))
	s.finish(ended, "code")
}
