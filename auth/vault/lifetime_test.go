package vault

import (
	"testing"
	"time"
)

func TestStale(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, c := range []struct {
		life  time.Duration
		after time.Duration
		stale bool
	}{
		{0, 1000 * time.Hour, false}, // no expiry
		{time.Hour, 58 * time.Minute, false},
		{time.Hour, 59 * time.Minute, true},
		{15 * time.Second, 11 * time.Second, false},
		{15 * time.Second, 12 * time.Second, true},
	} {
		r := Record{IssuedAt: now}
		if c.life > 0 {
			r.Expiry = now.Add(c.life)
		}
		if got := r.Stale(now.Add(c.after)); got != c.stale {
			t.Errorf("a token of %v after %v: stale %v", c.life, c.after, got)
		}
	}
}
