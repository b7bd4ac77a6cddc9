package config

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"mcpproxy/proxy/redact"
)

// FuzzLoad feeds files to the decoder, as a trusted and as an untrusted layer.
func FuzzLoad(f *testing.F) {
	seed, err := os.ReadFile("testdata/everything.jsonc")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(seed))
	for _, s := range []string{
		"", "{", "{}", "[]", "\ufeff{}", `{"mcpServers": {"a": {"command": "x"}}}`, `{"mcpServers": {"a/b": 1, "a": 1, "a": 2,},}`,
		"{/*", "{}//", "{\r\n}", `{"breaker": {"cooldown": "1s"}}`, `{"idle_ttl": 1e9}`, `{"mcpServers": {"\ud800": {}}}`, "{\"a\":'", `{"a": 1 "`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := newLayerFile(Global, newSource("mcp.json", []byte(text)))
		l.read()
		for _, s := range l.servers {
			if checkName(s.Name) != nil || s.ID == "" {
				t.Errorf("server %+v", s)
			}
			if s.Problem != nil {
				continue
			}
			if _, _, err := s.substitute(func(string) (string, bool) { return "https://localhost", true }); err != nil {
				if _, ok := errors.AsType[*Problem](err); !ok {
					t.Errorf("substitute: %v", err)
				}
			}
		}
		c := Config{Servers: l.servers, Problems: l.problems.list, Settings: l.settings.Settings}
		if !json.Valid(c.Masked()) {
			t.Error("the listing is not JSON")
		}
		lines := strings.Count(text, "\n") + 1
		for _, p := range l.problems.list {
			if p.Line < 0 || p.Line > lines || p.Message == "" {
				t.Errorf("%d lines, problem %+v", lines, p)
			}
		}

		u := newLayerFile(Project, newSource("mcp.json", []byte(text)))
		u.readNames()
		for _, s := range u.servers {
			if !s.Untrusted || checkName(s.Name) != nil {
				t.Errorf("untrusted server %+v", s)
			}
		}
	})
}

// FuzzExpand checks that the text around placeholders survives, that values
// are not looked at again, and that masking keeps placeholders and no literal.
func FuzzExpand(f *testing.F) {
	for _, s := range []string{
		"", "a", "${env:A}", "x${env:A:-b}y", "$${env:A}", "$$${env:A}", "${env:", "${env:}", "${env:A:-${env:B}}", "${env:A}}${env:B",
		"${A}", "$${A}", "${1} ${", "${input:k}${env:A}",
		"https://${env:U:-a:b@c}@h/${env:P:-/?#}?k=${env:K:-v}&secretvalue#f",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		same, err := expand(s, nil, func(p placeholder) (string, error) {
			return p.text(func(s string) string { return s }), nil
		})
		if err != nil {
			return
		}
		if unescaped := strings.ReplaceAll(s, "$"+opening, opening); same != unescaped {
			t.Errorf("%q became %q", s, same)
		}
		if got, _ := expand(s, func(string) string { return "" }, func(placeholder) (string, error) { return opening, nil }); strings.Trim(got, opening) != "" {
			t.Errorf("%q: %q is left of the text", s, got)
		}
		count := func(s string) (n int) {
			_, err := expand(s, nil, func(placeholder) (string, error) { n++; return "", nil })
			if err != nil {
				t.Errorf("%q cannot be expanded: %v", s, err)
			}
			return n
		}
		n := count(s)
		if got := count(maskLiterals(s)); got != n {
			t.Errorf("%q: %d placeholders, %d after masking", s, n, got)
		}
		if masked := maskURL(s); masked != redact.Mask && count(masked) != n {
			t.Errorf("%q: %d placeholders, masked %q", s, n, masked)
		}
	})
}
