//go:build linux

package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"mcpproxy/auth/authtest"
)

// A host that cannot show a link after all, and says so late, is no dead end:
// the model is not told that the link is shown, and gets it when it asks again.
func TestLateRefusalOfALink(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newTestServer(authtest.Options{NoDevice: true})
	who := newPerson(t, a.URL)
	s.configure(servers{"code": discovering(a.ResourceURL())})
	host := s.serve()
	host.capabilities = `{"elicitation":{"url":{}}}`
	refuse, asked := make(chan struct{}), make(chan struct{}, 10)
	host.answer = func(method string, _ json.RawMessage) string {
		if method == "elicitation/create" {
			asked <- struct{}{}
			<-refuse
		}
		return "" // an error
	}
	host.open(rev2025)
	r := host.mcp(entry{"action": "login", "server": "code"}).ok()
	<-asked
	if text := r.text(); strings.Contains(text, "http") || strings.Contains(text, "is being shown") || !strings.Contains(text, `\"action\":\"login\"`) {
		t.Errorf("before the refusal: %s", text)
	}
	if refused := host.through("code", "echo", entry{"text": "in"}).refused("login_pending"); !strings.Contains(refused.Next, `"action":"login"`) {
		t.Errorf("a call meanwhile: %+v", refused)
	}
	close(refuse)
	for range 2 { // it is remembered
		var reply loginReply
		host.mcp(entry{"action": "login", "server": "code"}).ok().into(&reply)
		if reply.AuthorizeURL == "" {
			t.Fatalf("asked again: %+v", reply)
		}
		who.land(reply.AuthorizeURL)
		host.through("code", "echo", entry{"text": "in"}).ok()
	}
	if len(asked) > 0 {
		t.Error("the host is asked again")
	}
	host.close()
}

// A person who does not want to see the link there may want it elsewhere: asked
// again, the model gets it, whenever the no came and in whichever revision.
func TestDeclinedLink(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newTestServer(authtest.Options{NoDevice: true})
	s.configure(servers{"code": discovering(a.ResourceURL())})
	login := entry{"action": "login", "server": "code"}
	for _, action := range []string{"decline", "cancel"} {
		for _, late := range []bool{false, true} {
			host := s.serve()
			host.capabilities = `{"elicitation":{"url":{}}}`
			say, asked := make(chan struct{}), make(chan struct{}, 10)
			host.answer = func(method string, _ json.RawMessage) string {
				if method != "elicitation/create" {
					return ""
				}
				asked <- struct{}{}
				<-say
				return `{"action":"` + action + `"}`
			}
			host.open(rev2025)
			if late {
				r := host.mcp(login).ok()
				if <-asked; strings.Contains(r.text(), "http") {
					t.Errorf("%s, before: %s", action, r.text())
				}
				close(say)
				eventually(t, "the login is cancelled", func() bool { return s.loginState("code").Pending == nil })
			} else {
				close(say)
				if r := host.mcp(login).refused("login_failed"); !strings.Contains(r.Message, "denied") {
					t.Errorf("%s, at once: %+v", action, r)
				}
				<-asked
			}
			var reply loginReply
			host.mcp(login).ok().into(&reply)
			if reply.AuthorizeURL == "" || len(asked) > 0 {
				t.Errorf("%s, late %v, asked again: %+v", action, late, reply)
			}
			host.close()
		}
	}

	host := s.serve()
	host.capabilities = `{"elicitation":{"url":{}}}`
	host.open(rev2026)
	call := entry{"name": "mcp", "arguments": login}
	var wanted struct{ InputRequests map[string]json.RawMessage }
	if err := json.Unmarshal(host.request("tools/call", call), &wanted); err != nil || len(wanted.InputRequests) != 1 {
		t.Fatalf("the host is asked for nothing: %v", err)
	}
	for id := range wanted.InputRequests {
		again := entry{"name": "mcp", "arguments": login, "inputResponses": entry{id: entry{"action": "decline"}}}
		newToolResult(t, host.request("tools/call", again)).refused("login_failed")
	}
	var reply loginReply
	newToolResult(t, host.request("tools/call", call)).ok().into(&reply)
	if reply.AuthorizeURL == "" {
		t.Errorf("asked again: %+v", reply)
	}
	host.close()
}
