package proxy

import (
	"os"
	"strings"
	"testing"
	"time"

	"mcpproxy/catalog"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/redact"
	"mcpproxy/upstream"
)

// A child that logs in on its own prints its link on stderr and answers nothing
// until the person has opened it.
func TestStartTellsWhatTheChildSays(t *testing.T) {
	t.Parallel()
	s := childServer(t, "srv", "login")
	s.Entry.WaitTimeout = upstream.Duration(500 * time.Millisecond)
	p := newTest(t, s)
	h := serve(t, p).start()
	link := strings.ReplaceAll(longLink, "&", `\u0026`)
	for deadline := time.Now().Add(20 * time.Second); ; {
		got := h.call(`{"action":"call","server":"srv","tool":"x"}`)
		if !strings.Contains(got, `\"code\":\"starting\"`) {
			t.Fatalf("got %s", got)
		}
		if strings.Contains(got, longLink) || strings.Contains(got, link) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the link is not told: %s", got)
		}
	}
	if got := h.call(`{"action":"status","server":"srv"}`); !strings.Contains(got, longLink) && !strings.Contains(got, link) {
		t.Errorf("the link is not in the status: %s", got)
	}
}

// What a server does not answer costs seconds, and is asked by one process alone.
func TestSilenceIsRememberedForTheNextProcess(t *testing.T) {
	t.Parallel()
	s := childServer(t, "srv", "silent")
	known := catalog.New()
	for range 2 {
		p := newSession(t, Options{Catalog: known, Redactor: new(redact.Redactor), CacheDir: t.TempDir()}, SessionOptions{
			Config: &config.Config{Servers: []*config.Server{s}},
			Getenv: func(string) (string, bool) { return "", false },
		})
		if _, err := p.View(t.Context()).Connect(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if asked, err := os.ReadFile(s.Entry.Env[childFile]); string(asked) != "asked\n" {
		t.Errorf("server/discover was sent: %q, %v", asked, err)
	}
}
