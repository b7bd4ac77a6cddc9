package e2e

import (
	"io"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"mcpproxy/auth/authtest"
)

// locked returns a lock file of the credential, once some process holds it.
func (s *sandbox) locked() (file string) {
	s.t.Helper()
	eventually(s.t, "a credential is locked", func() bool {
		files, _ := filepath.Glob(s.path("state/proxy/vault/file/locks/*.lock"))
		for _, file = range files {
			lock := flock.New(file)
			if free, err := lock.TryRLock(); err == nil && !free {
				return true
			}
			lock.Unlock()
		}
		return false
	})
	return file
}

// Who pastes although the browser's callback is already being redeemed is
// logged in, and told so.
func TestPasteBesideTheCallback(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	a := s.newTestServer(authtest.Options{NoDevice: true})
	s.configure(servers{"protected": discovering(a.ResourceURL())})
	a.Fail(authtest.Token, authtest.Fault{Times: 1, Delay: 2 * time.Second})
	command, shown := s.startLogin("protected")
	landed := newPerson(t, a.URL).allow(shown)
	seen := make(chan error, 1)
	go func() {
		resp, err := http.Get(landed)
		if err == nil {
			resp.Body.Close()
		}
		seen <- err
	}()
	s.locked()
	io.WriteString(command.stdin, landed+"\n")
	<-command.gone
	if got := command.stdout.String(); got != "logged in to protected\n" {
		t.Errorf("stdout is %q, stderr %s", got, command.stderr)
	}
	if err := <-seen; err != nil {
		t.Errorf("the landing page: %v", err)
	}
}
