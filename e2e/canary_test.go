package e2e

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Secrets pass through the proxy into children and headers, and come out
// nowhere else: not in a log at any level, a listing, an error, or a file.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	canaries := map[string]string{}
	for _, name := range []string{"CANARY_ENV", "CANARY_ARG", "CANARY_HEADER", "CANARY_URL", "CANARY_SPILL"} {
		canaries[name] = "kx9-" + strings.ToLower(name) + "-7f31c0"
		s.setenv(name + "=" + canaries[name])
	}
	canaries["literal"] = "kx9-literal-7f31c0"
	s.configure(servers{
		"child":  with(fake(t), "env", entry{"KEY": "${env:CANARY_ENV}"}, "args", []string{"as-upstream", "-name", "${env:CANARY_ARG}"}),
		"dies":   with(fake(t, "-spill", "KEY"), "env", entry{"KEY": "${env:CANARY_SPILL}"}),
		"header": {"url": s.fakeOn(), "headers": entry{"X-API-Key": "${env:CANARY_HEADER}", "X-Literal-Secret": canaries["literal"]}},
		"closed": {"url": "http://127.0.0.1:" + freePort(t) + "/mcp?key=${env:CANARY_URL}"},
		"typed":  with(stdio("no-such-program-e2e"), "env", entry{"PASSWORD": canaries["literal"]}),
	})
	log := s.path("proxy.log")
	host := s.serve("--log-level", "debug", "--log-file", log)
	host.open(rev2025)
	var said strings.Builder
	say := func(r toolResult) { said.WriteString(string(r.raw) + "\n") }
	for _, server := range []string{"child", "dies", "header", "closed", "typed"} {
		say(host.through(server, "echo", entry{"text": "x"}))
		say(host.mcp(entry{"action": "list_tools", "server": server}))
		say(host.mcp(entry{"action": "status", "server": server}))
	}
	host.through("child", "spill", entry{"text": canaries["CANARY_ENV"]})
	say(host.mcp(entry{"action": "list_servers"}))
	say(host.mcp(entry{"action": "status"}))
	host.close()
	for _, args := range [][]string{
		{"list"}, {"list", "--json"}, {"status"}, {"status", "--json"},
		{"connect", "dies"}, {"connect", "closed"}, {"connect", "typed"}, {"connect", "header"}, {"tools", "child"},
	} {
		said.WriteString(s.proxy(append([]string{"--log-level", "debug"}, args...)...).all())
	}
	for name, secret := range canaries {
		if at := strings.Index(said.String(), secret); at >= 0 {
			t.Errorf("%s was said: …%s…", name, around(said.String(), at))
		}
		if at := strings.Index(host.stderr.String(), secret); at >= 0 {
			t.Errorf("%s is on stderr: …%s…", name, around(host.stderr.String(), at))
		}
		for _, path := range s.filesWith(secret) {
			if name != "literal" || path != s.path("mcp.json") {
				t.Errorf("%s is in %s", name, path)
			}
		}
	}
	if text, err := os.ReadFile(log); err != nil || !bytes.Contains(text, []byte("child")) {
		t.Errorf("the log tells nothing: %v", err)
	}

	resolved := s.proxy("list", "--resolve", "--json")
	if !strings.Contains(resolved.stdout, canaries["CANARY_ENV"]) || !strings.Contains(resolved.stdout, canaries["literal"]) {
		t.Errorf("--resolve does not resolve: %s", resolved.all())
	}
	if resolved.stderr == "" {
		t.Error("--resolve does not warn")
	}
}

// with returns the entry with members added or replaced.
func with(e entry, pairs ...any) entry {
	for i := 0; i < len(pairs); i += 2 {
		e[pairs[i].(string)] = pairs[i+1]
	}
	return e
}

func around(text string, at int) string {
	return text[max(0, at-100):min(len(text), at+60)]
}

// filesWith finds the sandbox's files that hold a text.
func (s *sandbox) filesWith(text string) (found []string) {
	s.t.Helper()
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(text)) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}
