package authtest

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"
)

// An Endpoint of a [Server] can be made to fail.
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

// A Fault replaces the response of an endpoint. The first member that is set
// decides; Delay comes before it.
type Fault struct {
	Times int // number of requests; 0 for all until Heal

	Delay    time.Duration // wait first
	Drop     bool          // close the connection without doing anything
	Lose     bool          // do the work and close the connection without a response
	Redirect string        // redirect to this URL with 307
	Endless  bool          // send an endless body as fast as it is read
	Trickle  time.Duration // send an endless body, one byte in this time
	Status   int           // send this status with Body
	Body     string        // 200 if Status is not set
	Header   http.Header   // sent with Status and Body

	// Rewrite does the work and sends what it makes of the status and the
	// body.
	Rewrite func(status int, body string) (int, string)
}

// Fail sets the fault of an endpoint.
func (s *Server) Fail(e Endpoint, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[e] = &f
}

// Heal removes the fault and the overrides of an endpoint.
func (s *Server) Heal(e Endpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.faults, e)
	delete(s.members, e)
}

// Override replaces members of the JSON object that an endpoint sends on
// success, or parameters of the redirect of [Authorize]. nil removes a
// member.
func (s *Server) Override(e Endpoint, members map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.members[e] = members
}

// override applies the overrides of an endpoint.
func (s *Server) override(e Endpoint, answer map[string]any) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(answer, s.members[e])
	maps.DeleteFunc(answer, func(_ string, v any) bool { return v == nil })
	return answer
}

// next returns the fault for the next request, or nil.
func (s *Server) next(e Endpoint) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.faults[e]
	if f == nil {
		return nil
	}
	s.record(Faulted, "", string(e))
	hit := *f
	if f.Times > 0 {
		if f.Times--; f.Times == 0 {
			delete(s.faults, e)
		}
	}
	return &hit
}

// faulty serves an endpoint with its fault.
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
		case f.Rewrite != nil:
			done := httptest.NewRecorder()
			h(done, r)
			status, body := f.Rewrite(done.Code, done.Body.String())
			maps.Copy(w.Header(), done.Header())
			w.WriteHeader(status)
			io.WriteString(w, body)
		case f.Redirect != "":
			http.Redirect(w, r, f.Redirect, http.StatusTemporaryRedirect)
		case f.Endless, f.Trickle > 0:
			f.pour(w, r)
		case f.Status != 0, f.Body != "":
			w.Header().Set("Content-Type", "application/json")
			maps.Copy(w.Header(), f.Header)
			if f.Status != 0 {
				w.WriteHeader(f.Status)
			}
			io.WriteString(w, f.Body)
		default:
			h(w, r)
		}
	})
}

// pour writes endless JSON until the client disconnects.
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

// wait waits for d and reports whether the client is still connected.
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

// nowhere discards a response.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header       { return n.header }
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) WriteHeader(int)             {}

// answer writes a JSON response that must not be cached, RFC 6749 section
// 5.1.
func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // fails if the client is gone
}
