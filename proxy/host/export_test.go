package host

import (
	"runtime"
	"testing"
)

// Flush waits until everything that was sent is written.
func (c *Conn) Flush(t *testing.T) {
	t.Helper()
	for {
		c.mu.Lock()
		done := len(c.outbox) == 0 && !c.writing
		c.mu.Unlock()
		if done {
			return
		}
		select {
		case <-c.closed:
			t.Fatal("closed before all was written")
		default:
			runtime.Gosched()
		}
	}
}
