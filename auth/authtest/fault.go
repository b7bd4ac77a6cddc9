package authtest

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"
)

// An Endpoint is one of those that can be made to fail.
type Endpoint string

// The endpoints of a [Server].
const (
	Metadata         Endpoint = "metadata"          // RFC 8414 and OpenID Connect Discovery
	ResourceMetadata Endpoint = "resource metadata" // RFC 9728
	Register         Endpoint = "register"
	Authorize        Endpoint = "authorize"
	Token            Endpoint = "token"
	Revoke           Endpoint = "revoke"
	Introspect       Endpoint = "introspect"
	Device           Endpoint = "device authorization"
	DevicePage       Endpoint = "device page"
)

// A Fault is what an endpoint does instead of its work. Of the members that
// are set, the first in this order decides; Delay comes before each.
type Fault struct {
	Times int // how many requests it hits; 0 for all until Heal

	Delay    time.Duration // wait before anything else
	Drop     bool          // cut the connection, nothing having been done
	Lose     bool          // do the work and cut the connection instead of answering
	Redirect string        // answer 307 to this URL
	Endless  bool          // answer a body that never ends, as fast as it is read
	Trickle  time.Duration // answer a byte of JSON each time this passes, without end
	Status   int           // answer this with Body
	Body     string        // 200 if Status is not set
}

// Fail makes an endpoint fail from now on.
func (s *Server) Fail(e Endpoint, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[e] = &f
}

// Heal ends what Fail and Override began at an endpoint.
func (s *Server) Heal(e Endpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.faults, e)
	delete(s.members, e)
}

// Override replaces members of the JSON object that an endpoint answers when
// it succeeds, or parameters of the redirect that [Authorize] answers; nil
// leaves a member out.
func (s *Server) Override(e Endpoint, members map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.members[e] = members
}

// override applies what Override asked for.
func (s *Server) override(e Endpoint, answer map[string]any) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(answer, s.members[e])
	maps.DeleteFunc(answer, func(_ string, v any) bool { return v == nil })
	return answer
}

// next returns the fault that the next request meets, or nil.
func (s *Server) next(e Endpoint) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.faults[e]
	if f == nil {
		return nil
	}
	hit := *f
	if f.Times > 0 {
		if f.Times--; f.Times == 0 {
			delete(s.faults, e)
		}
	}
	return &hit
}

// faulty serves an endpoint with its faults.
func (s *Server) faulty(e Endpoint, h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := s.next(e)
		if f == nil {
			h(w, r)
			return
		}
		if !wait(r, f.Delay) {
			return
		}
		switch {
		case f.Drop:
			panic(http.ErrAbortHandler)
		case f.Lose:
			h(nowhere{http.Header{}}, r)
			panic(http.ErrAbortHandler)
		case f.Redirect != "":
			http.Redirect(w, r, f.Redirect, http.StatusTemporaryRedirect)
		case f.Endless, f.Trickle > 0:
			f.pour(w, r)
		case f.Status != 0, f.Body != "":
			w.Header().Set("Content-Type", "application/json")
			if f.Status != 0 {
				w.WriteHeader(f.Status)
			}
			io.WriteString(w, f.Body)
		default:
			h(w, r)
		}
	})
}

// pour writes JSON that has no end, until the client has enough.
func (f *Fault) pour(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	piece := " "
	if f.Endless {
		piece = strings.Repeat(" ", 64<<10)
	}
	io.WriteString(w, "{")
	for wait(r, f.Trickle) {
		if _, err := io.WriteString(w, piece); err != nil || http.NewResponseController(w).Flush() != nil {
			return
		}
	}
}

// wait reports whether the client is still there after d.
func wait(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return r.Context().Err() == nil
	case <-r.Context().Done():
		return false
	}
}

// nowhere is an answer that is lost on its way.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header       { return n.header }
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) WriteHeader(int)             {}

// answer writes a JSON object that must not be cached, RFC 6749 section 5.1.
func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // to whom it concerns; a client that left needs none
}
