package e2e

import (
	"strings"

	"mcpproxy/auth/authtest"
)

// newTestServer starts our own authorization server, whose faults can be
// chosen and whose secrets are known, with a protected MCP server beside it.
func (s *sandbox) newTestServer(o authtest.Options) *authtest.Server {
	s.t.Helper()
	if o.Protected == nil {
		o.Protected = newFakeUpstream("protected", 0)
	}
	a := authtest.New(o)
	if err := a.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { a.Close() })
	return a
}

// discovering is the entry of a server whose logins are found by discovery,
// on this machine only; pairs are more members of its oauth.
func discovering(url string, pairs ...any) entry {
	return entry{"url": url, "oauth": with(entry{"discovery": true, "discovery_allowlist": []string{"127.0.0.1"}}, pairs...)}
}

// pending begins a login through the tool, and returns its link and where a
// browser that opens it is sent to.
func (p *peer) pending(server string, who *person, fields ...any) (link, landed string) {
	p.t.Helper()
	var reply loginReply
	p.mcp(with(entry{"action": "login", "server": server}, fields...)).ok().into(&reply)
	if reply.Flow != "paste" {
		p.t.Fatalf("the flow is %q", reply.Flow)
	}
	return reply.AuthorizeURL, who.allow(reply.AuthorizeURL)
}

// forge changes the value of a parameter in a URL.
func forge(t tb, link, name, value string) string {
	t.Helper()
	before, rest, found := strings.Cut(link, name+"=")
	if !found {
		t.Fatalf("no %s in %s", name, link)
	}
	_, after, more := strings.Cut(rest, "&")
	if more {
		after = "&" + after
	}
	return before + name + "=" + value + after
}
