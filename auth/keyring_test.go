package auth

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// hangingItems answers no call before it is released, as a keyring does that
// waits for the person to unlock it.
type hangingItems struct {
	*memoryItems
	release chan struct{}
	calls   atomic.Int32
}

func (h *hangingItems) get(name string) (string, error) {
	h.calls.Add(1)
	<-h.release
	return h.memoryItems.get(name)
}

func TestKeyringHangs(t *testing.T) {
	t.Parallel()
	h := &hangingItems{memoryItems: newMemoryItems(1 << 20), release: make(chan struct{})}
	k := newKeyringStore(h, 0, 30*time.Millisecond)
	if err := h.set("mcp:acme", `"value"`); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		start := time.Now()
		_, err := k.get(t.Context(), "mcp:acme")
		if reasonOf(err) != Timeout || time.Since(start) > 10*time.Second {
			t.Errorf("a keyring that hangs: %v after %v", err, time.Since(start))
		}
	}
	if n := h.calls.Load(); n != 1 {
		t.Errorf("%d calls were started while one was waiting", n)
	}
	close(h.release)
	waitFor(t, func() bool {
		b, err := k.get(t.Context(), "mcp:acme")
		return err == nil && string(b) == `"value"`
	})
}

// TestKeyringCallerGivesUp: who stops waiting gets the error of its own
// context, and the vault is not taken for a broken one.
func TestKeyringCallerGivesUp(t *testing.T) {
	t.Parallel()
	h := &hangingItems{memoryItems: newMemoryItems(1 << 20), release: make(chan struct{})}
	defer close(h.release)
	v := OpenVault(VaultOptions{StateDir: t.TempDir()})
	v.store = newKeyringStore(h, 0, time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := v.Get(ctx, "mcp:acme")
		done <- err
	}()
	waitFor(t, func() bool { return h.calls.Load() == 1 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

type panickingItems struct{ *memoryItems }

func (panickingItems) get(string) (string, error) { panic("bus went away") }

func TestKeyringPanics(t *testing.T) {
	t.Parallel()
	k := newKeyringStore(panickingItems{newMemoryItems(10)}, 0, time.Minute)
	for range 2 { // the turn is given back
		if _, err := k.get(t.Context(), "mcp:acme"); reasonOf(err) != Unavailable {
			t.Errorf("got %v", err)
		}
	}
}

func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); {
		if time.Now().After(deadline) {
			t.Fatal("the condition did not come true")
		}
		<-time.After(time.Millisecond)
	}
}
