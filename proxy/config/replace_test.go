package config_test

import (
	"testing"

	"mcpproxy/proxy/config"
	"mcpproxy/upstream"
)

// A global file that becomes unreadable takes nothing away, a project's does.
func TestKeeping(t *testing.T) {
	t.Parallel()
	c := newClone(t, `{"mcpServers": {"new": {"command": "x"}}}`)
	write(t, `{"mcpServers": {"github": {"command": "good"}}, "call_timeout": "7s"}`, c.Global)
	c.trust(t)
	old := config.Load(c.LoadOptions)

	write(t, `{"mcpServers": {"github": {"command": "bett`, c.Global)
	broken := config.Load(c.LoadOptions)
	kept := broken.Keeping(old)
	if listed(kept) != "github new" || kept.Settings != old.Settings || len(kept.Problems) != 1 {
		t.Errorf("servers %q, settings %+v, problems %v", listed(kept), kept.Settings, kept.Problems)
	}
	if kept.Server("github") != old.Server("github") {
		t.Error("a kept server is not the old one")
	}
	if listed(broken) != "new" {
		t.Errorf("the broken configuration itself became %q", listed(broken))
	}

	write(t, `{"mcpServers": {"new": {"comm`, c.file)
	if got := config.Load(c.LoadOptions).Keeping(old); listed(got) != "github" {
		t.Errorf("with a broken project: %q", listed(got))
	}

	write(t, `{"mcpServers": {}}`, c.Global)
	if got := config.Load(c.LoadOptions).Keeping(old); listed(got) != "" {
		t.Errorf("a file without servers: %q", listed(got))
	}
}

func TestResolvedEqual(t *testing.T) {
	t.Parallel()
	server := loadText(t, `{"mcpServers": {"a": {"command": "x", "env": {"T": "${env:T}", "U": "u", "V": "v"}}}}`).Server("a")
	resolve := func(value string, d config.Settings) config.Resolved {
		r, err := server.Resolve(env("T", value), d)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := resolve("one", config.Settings{})
	if !r.Equal(resolve("one", config.Settings{})) {
		t.Error("the same variables give another server")
	}
	if r.Equal(resolve("two", config.Settings{})) {
		t.Error("another variable gives the same server")
	}
	if r.Equal(resolve("one", config.Settings{Limits: upstream.Limits{CallTimeout: upstream.Never}})) {
		t.Error("another setting gives the same server")
	}
}
