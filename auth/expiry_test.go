package auth

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"mcpproxy/auth/authtest"
)

// That a token is refused whose life has ended on its way says nothing of the
// login, however often it happens.
func TestTokenThatEndsOnItsWay(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open, AccessTokenTTL: time.Second})
	a, s := w.process(t), w.upstream()
	w.login(t, a, s)
	h := a.Handler(s)
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-time.After(1100 * time.Millisecond) // longer than a token lives
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer slow.Close()
	for range 3 {
		req, resp, err := send(t, h, slow.URL)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Authorize(t.Context(), req, resp); err != nil {
			t.Fatal(err)
		}
	}
	ok(t, h, s.URL)
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		failures int
		err      error
		want     time.Duration
	}{
		{1, errTooBig, refreshFloor},
		{2, errTooBig, 2 * refreshFloor},
		{100, errTooBig, refreshCeil},
		{1, &HTTPError{Status: 429, RetryAfter: time.Minute}, time.Minute},
		{1, &HTTPError{Status: 429, RetryAfter: time.Hour}, refreshCeil},
	} {
		if got := backoff(c.failures, c.err); got != c.want {
			t.Errorf("%d failures, %v: %v, want %v", c.failures, c.err, got, c.want)
		}
	}
}
