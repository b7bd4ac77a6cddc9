package vault

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// hangingItems blocks until it is released, like a keyring that waits to be
// unlocked.
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

// The first call times out, the next fail at once and start nothing, and all
// succeed once the person has answered.
func TestKeyringHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hangingItems{memoryItems: newMemoryItems(1 << 20), release: make(chan struct{})}
		k := newKeyringStore(h, 0, time.Minute)
		if err := h.set("mcp:acme", `"value"`); err != nil {
			t.Fatal(err)
		}
		for _, want := range []time.Duration{time.Minute, 0, 0} {
			start := time.Now()
			_, err := k.get(t.Context(), "mcp:acme")
			if took := time.Since(start); ReasonOf(err) != Timeout || took != want {
				t.Errorf("a keyring that hangs: %v after %v, want %v", err, took, want)
			}
		}
		if n := h.calls.Load(); n != 1 {
			t.Errorf("%d calls were started while one was waiting", n)
		}
		close(h.release)
		synctest.Wait()
		if b, err := k.get(t.Context(), "mcp:acme"); err != nil || string(b) != `"value"` {
			t.Errorf("after the person answered: %s, %v", b, err)
		}
	})
}

// A caller that gives up gets the error of its context, not an Error.
func TestKeyringCallerGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hangingItems{memoryItems: newMemoryItems(1 << 20), release: make(chan struct{})}
		v := Open(Options{StateDir: t.TempDir()})
		v.store = newKeyringStore(h, 0, time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := v.Get(ctx, "mcp:acme")
			done <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		close(h.release)
	})
}

type panickingItems struct{ *memoryItems }

func (panickingItems) get(string) (string, error) { panic("bus went away") }

func TestKeyringPanics(t *testing.T) {
	t.Parallel()
	k := newKeyringStore(panickingItems{newMemoryItems(10)}, 0, time.Minute)
	for range 2 { // the second call may run
		if _, err := k.get(t.Context(), "mcp:acme"); ReasonOf(err) != Unavailable {
			t.Errorf("got %v", err)
		}
	}
}
