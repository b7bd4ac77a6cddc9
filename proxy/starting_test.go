package proxy

import (
	"strings"
	"testing"
	"time"

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
