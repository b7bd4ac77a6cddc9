package vault

import "time"

// maxSkew is how long before its expiry a token is refreshed. A token that
// lives less than five times as long is refreshed when a fifth of its life
// is left.
const maxSkew = time.Minute

// Stale reports whether the access token should be refreshed. It compares
// wall clock times, so that tokens expire while the machine sleeps.
func (r Record) Stale(now time.Time) bool {
	if r.Expiry.IsZero() {
		return false
	}
	skew := maxSkew
	if life := r.Expiry.Sub(r.IssuedAt); !r.IssuedAt.IsZero() && life/5 < skew {
		skew = life / 5
	}
	return !now.Round(0).Before(r.Expiry.Add(-skew))
}

// Expired reports whether the access token has expired.
func (r Record) Expired(now time.Time) bool {
	return !r.Expiry.IsZero() && !now.Round(0).Before(r.Expiry)
}
