package upstream

import (
	"errors"
	"net/http"
	"testing"
)

// net/http repeats a POST that has such a header, although it may have run.
func TestCallWithAnIdempotencyKeyIsSentOnce(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Idempotency-Key", "x-idempotency-key", "X-Other"} {
		f := newFakeHTTP(t, func(_ http.ResponseWriter, r *http.Request, m message) bool {
			if r.Header.Get(name) != "k" {
				t.Errorf("%s: %q arrived", name, r.Header.Get(name))
			}
			if m.Method == "tools/call" {
				panic(http.ErrAbortHandler) // it ran, and the connection breaks
			}
			return false
		})
		cfg := httpConfig(f.URL)
		cfg.Headers = map[string]string{name: "k"}
		_, err := call(t, newTest(t, cfg), Call{Tool: "odd"})
		if _, ok := errors.AsType[*InterruptedError](err); !ok {
			t.Errorf("%s: error %v", name, err)
		}
		if n := f.count("tools/call"); n != 1 {
			t.Errorf("%s: sent %d times", name, n)
		}
	}
}
