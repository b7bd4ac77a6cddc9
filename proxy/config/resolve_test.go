package config_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mcpproxy/proxy/config"
	"mcpproxy/upstream"
)

func TestInterpolation(t *testing.T) {
	t.Parallel()
	getenv := env("A", "one", "B", "two", "EMPTY", "", "ODD", "${env:A}", "ProgramFiles(x86)", `C:\Programs`)
	for _, test := range []struct{ in, want string }{
		{"plain", "plain"},
		{"${env:A}", "one"},
		{"${env:A}${env:B}", "onetwo"},
		{"a ${env:A} b ${env:B} c", "a one b two c"},
		{"${env:NONE:-default}", "default"},
		{"${env:NONE:-}", ""},
		{"${env:EMPTY:-default}", "default"},
		{"${env:EMPTY}", ""},
		{"${env:A:-default}", "one"},
		{"${env:NONE:-https://x.dev:1/?a=b:-c}", "https://x.dev:1/?a=b:-c"},
		{"${env:ODD}", "${env:A}"},
		{"${env:ProgramFiles(x86)}", `C:\Programs`},
		{"$${env:A}", "${env:A}"},
		{"$${env:A} ${env:A}", "${env:A} one"},
		{"$$${env:A}", "$${env:A}"},
		{"$A $ {env A} ${1} ${ ${}", "$A $ {env A} ${1} ${ ${}"},
		{"$${A} $${input:A}", "${A} ${input:A}"},
		{"${env:A}}", "one}"},
	} {
		c := loadText(t, `{"mcpServers": {"a": {"command": "x", "args": [`+jsonText(test.in)+`]}}}`)
		r, err := c.Server("a").Resolve(getenv, config.Settings{})
		if err != nil {
			t.Errorf("%s: %v", test.in, err)
		} else if got := r.Upstream.Args[0]; got != test.want {
			t.Errorf("%s: %q, want %q", test.in, got, test.want)
		}
		if got := c.Server("a").Entry.Args[0]; got != test.in {
			t.Errorf("%s: the entry itself became %q", test.in, got)
		}
	}
}

func TestAMissingVariableIsNamed(t *testing.T) {
	t.Parallel()
	for entry, want := range map[string]config.MissingVariableError{
		`{"command": "${env:NONE}"}`:                                             {"a", "NONE", "command"},
		`{"command": "x", "args": ["y", "${env:NONE}"]}`:                         {"a", "NONE", "args[1]"},
		`{"command": "x", "cwd": "${env:NONE}"}`:                                 {"a", "NONE", "cwd"},
		`{"command": "x", "env": {"T": "${env:SET}", "U": "${env:NONE}"}}`:       {"a", "NONE", "env.U"},
		`{"url": "https://${env:NONE}/mcp"}`:                                     {"a", "NONE", "url"},
		`{"url": "https://x.dev", "headers": {"X-Key": "k ${env:NONE}"}}`:        {"a", "NONE", "headers.X-Key"},
		`{"url": "https://x.dev", "oauth": {"client_secret": "${env:NONE}"}}`:    {"a", "NONE", "oauth.client_secret"},
		`{"url": "https://x.dev", "oauth": {"scopes": ["read", "${env:NONE}"]}}`: {"a", "NONE", "oauth.scopes[1]"},
	} {
		_, err := loadText(t, `{"mcpServers": {"a": `+entry+`}}`).Server("a").Resolve(env("SET", "x"), config.Settings{})
		if missing, ok := errors.AsType[*config.MissingVariableError](err); !ok || *missing != want {
			t.Errorf("%s: %v", entry, err)
		}
	}
	text := (&config.MissingVariableError{"github", "GITHUB_TOKEN", "env.GITHUB_TOKEN"}).Error()
	if want := `environment variable GITHUB_TOKEN, which "env.GITHUB_TOKEN" of server "github" needs, is not set`; text != want {
		t.Error(text)
	}
}

func TestRulesHoldAfterSubstitution(t *testing.T) {
	t.Parallel()
	const secret = "http://u:hunter2hunter2@evil.dev"
	getenv := env("V", secret, "CRLF", "a\r\nEvil: hunter2", "NUL", "hunter2\x00", "HOST", "http://evil.dev")
	for _, test := range []struct{ entry, want string }{
		{`{"url": "${env:V}"}`, `mcp.json:3: server "a" has a password in a "url" that is not https`},
		{`{"url": "${env:HOST}", "oauth": {"provider": "anthropic-mcp"}}`, `mcp.json:3: server "a" has "oauth" but a "url" that is not https`},
		{`{"url": "https://x.dev", "oauth": {"discovery": true, "discovery_allowlist": ["x.dev"], "issuer": "${env:V}"}}`, `mcp.json:3: server "a": oauth.issuer is not valid once its placeholders are substituted`},
		{`{"url": "https://x.dev", "oauth": {"discovery": true, "discovery_allowlist": ["x.dev"], "scopes": ["${env:CRLF}"]}}`, `mcp.json:3: server "a": oauth.scopes is not valid once its placeholders are substituted`},
		{`{"url": "https://x.dev", "headers": {"X-A": "${env:CRLF}"}}`, `mcp.json:3: server "a" has a line end or control character in the value of header "X-A"`},
		{`{"command": "x", "args": ["${env:NUL}"]}`, `mcp.json:3: server "a" has a NUL character in "args[0]"`},
		{`{"command": "x", "inherit_env": ["${env:V}"]}`, `mcp.json:3: server "a" has no name of a variable in "inherit_env[0]"`},
	} {
		c := loadText(t, "{\"mcpServers\": {\"a\":\n\n"+test.entry+"}}")
		if p := problems(c); p != "" {
			t.Errorf("%s: refused as written: %s", test.entry, p)
			continue
		}
		_, err := c.Server("a").Resolve(getenv, config.Settings{})
		p, ok := errors.AsType[*config.Problem](err)
		if !ok || !strings.HasSuffix(p.Error(), test.want) {
			t.Errorf("%s: %v", test.entry, err)
		}
		if ok && strings.Contains(err.Error()+p.Hint, "hunter2") {
			t.Errorf("%s: the value is told: %v", test.entry, err)
		}
	}
}

func TestWhatIsLeftOpenIsFilledIn(t *testing.T) {
	t.Parallel()
	c := loadText(t, `{"mcpServers": {"a": {"command": "x", "call_timeout": "1s", "idle_ttl": "0"}, "b": {"command": "x", "max_result_bytes": 0}}, "call_timeout": "2s", "wait_timeout": "3s", "max_result_bytes": 7000}`)
	r, err := c.Server("a").Resolve(env(), c.Settings)
	if err != nil {
		t.Fatal(err)
	}
	want := upstream.Limits{
		WaitTimeout: upstream.Duration(3 * time.Second), StartTimeout: upstream.Duration(5 * time.Minute),
		CallTimeout: upstream.Duration(time.Second), MaxCallTime: upstream.Duration(10 * time.Minute), IdleTTL: upstream.Never,
	}
	if r.Upstream.Limits != want || r.MaxResultBytes != 7000 {
		t.Errorf("%+v, %d bytes", r.Upstream.Limits, r.MaxResultBytes)
	}
	if r, err := c.Server("b").Resolve(env(), c.Settings); err != nil || r.MaxResultBytes != 0 {
		t.Errorf("off became %d, %v", r.MaxResultBytes, err)
	}
	if s := c.Settings.Or(config.DefaultSettings); s.MaxConcurrentServers != 10 || s.Breaker.FailThreshold != 3 || s.TokenStore != "keyring" || s.CallTimeout != upstream.Duration(2*time.Second) {
		t.Errorf("settings %+v", s)
	}
}

func TestSecretsAreCollected(t *testing.T) {
	t.Parallel()
	c := loadText(t, `{"mcpServers": {
		"a": {"command": "x", "args": ["--key=${env:KEY}", "plain-argument"], "env": {"T": "literal-env"}},
		"b": {"url": "https://user-name:pass-word@x.dev/?k=query-value", "headers": {"Authorization": "Bearer literal-header", "X-Key": "${env:KEY}"}},
		"c": {"url": "https://x.dev", "oauth": {"authorize_url": "https://x.dev/", "token_url": "https://x.dev/?k=token-query", "client_id": "c", "client_secret": "literal-secret", "redirect_uri": "http://localhost:1/cb"}}}}`)
	if p := problems(c); p != "" {
		t.Fatal(p)
	}
	for name, want := range map[string][]string{
		"a": {"from-environment", "literal-env"},
		"b": {"from-environment", "user-name", "pass-word", "query-value", "Bearer literal-header", "literal-header"},
		"c": {"literal-secret", "token-query"},
	} {
		r, err := c.Server(name).Resolve(env("KEY", "from-environment"), config.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !slices.Contains(r.Secrets, w) {
				t.Errorf("%s: %q is missing in %q", name, w, r.Secrets)
			}
		}
		if slices.Contains(r.Secrets, "plain-argument") {
			t.Errorf("%s: an argument counts as a secret", name)
		}
	}
}

func TestAProjectsServersRunInTheProject(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		t.Fatal(err)
	}
	o := config.LoadOptions{Dir: filepath.Join(root, "p"), StateDir: filepath.Join(root, "state"), Global: filepath.Join(root, "none")}
	write(t, `{"mcpServers": {"a": {"command": "x"}, "b": {"command": "x", "cwd": "sub"}, "c": {"command": "x", "cwd": "/abs"}, "d": {"url": "https://x.dev"}}}`, o.Dir, ".proxy", "mcp.json")
	if _, err := config.Trust(t.Context(), o.Dir, o.StateDir); err != nil {
		t.Fatal(err)
	}
	c := config.Load(o)
	for name, want := range map[string]string{"a": filepath.Join(real, "p"), "b": filepath.Join(real, "p", "sub"), "c": "/abs", "d": ""} {
		r, err := c.Server(name).Resolve(env(), config.Settings{})
		if err != nil || r.Upstream.Cwd != want {
			t.Errorf("%s: %q, %v; want %q", name, r.Upstream.Cwd, err, want)
		}
	}
}

// What takes no placeholders is text, whatever it looks like.
func TestADescriptionIsNotExpanded(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"costs ${price}", "$PRICE", "write {env:X}"} {
		c := loadText(t, `{"mcpServers": {"a": {"command": "x", "description": "`+text+`"}}}`)
		if _, err := c.Server("a").Resolve(env(), config.Settings{}); err != nil || problems(c) != "" {
			t.Errorf("%s: %v, %s", text, err, problems(c))
		}
		if masked := string(c.Masked()); !strings.Contains(masked, text) {
			t.Errorf("%s is listed as %s", text, masked)
		}
	}
}

// A path from home is expanded where a shell would have done so.
func TestHomeIsExpanded(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	c := loadText(t, `{"mcpServers": {"a": {"command": "~/bin/x", "cwd": "~/src", "args": ["~/as it is"]}, "b": {"command": "~x", "cwd": "${env:HOME}/y"}, "c": {"command": "x", "cwd": "~"}, "d": {"command": "~", "cwd": "~/"}}}`)
	for name, want := range map[string][2]string{
		"a": {filepath.Join(home, "bin", "x"), filepath.Join(home, "src")},
		"b": {"~x", home + "/y"},
		"c": {"x", home},
		"d": {home, home},
	} {
		r, err := c.Server(name).Resolve(env("HOME", home), config.Settings{})
		if err != nil || r.Upstream.Command != want[0] || r.Upstream.Cwd != want[1] {
			t.Errorf("%s: command %q in %q, %v", name, r.Upstream.Command, r.Upstream.Cwd, err)
		}
	}
	if r, err := c.Server("a").Resolve(env("HOME", home), config.Settings{}); err != nil || r.Upstream.Args[0] != "~/as it is" {
		t.Errorf("an argument became %q, %v", r.Upstream.Args, err)
	}
}
