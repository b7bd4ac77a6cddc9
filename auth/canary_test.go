package auth

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"mcpproxy/auth/authtest"
	"mcpproxy/auth/vault"
)

// A lockedBuffer collects what several goroutines log.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// No issued secret appears in logs, errors or files, apart from the file
// store.
func TestCanary(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open, AuthMethods: []string{authPost}})
	var said lockedBuffer
	a := New(Options{
		Vault: vault.Open(vault.Options{StateDir: w.stateDir, Store: vault.StoreFile}),
		Log:   slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	s := w.upstream()
	say := func(v any) { fmt.Fprintf(&said, "%v %+v\n", v, v) }

	l := begin(t, a, s, FlowBrowser)
	pasted := landing(t, l.AuthorizeURL)
	say(a.Complete(t.Context(), s, strings.Replace(pasted, "state=", "state=x", 1)))
	say(a.Complete(t.Context(), s, pasted))
	say(a.Complete(t.Context(), s, pasted))
	w.login(t, a, s)
	say(a.Refresh(t.Context(), s))
	w.Fail(authtest.Token, authtest.Fault{Times: 1, Status: 500, Body: "oops"})
	say(a.Refresh(t.Context(), s))
	refreshOddly(t, w, a, s, say)
	w.Decide(authtest.Ask)
	device := begin(t, a, s, FlowDevice)
	w.Decide(authtest.Deny)
	say(device.Wait(t.Context()))
	w.RevokeGrants()
	say(a.Refresh(t.Context(), s))
	status, err := a.Status(s)
	say(status)
	say(err)
	a.Close()

	check := func(where string, content []byte) {
		for _, secret := range w.Secrets() {
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("%s holds %.10s…", where, secret)
			}
		}
	}
	if len(w.Secrets()) < 10 || said.Len() < 500 {
		t.Fatalf("%d secrets and %d bytes are no test", len(w.Secrets()), said.Len())
	}
	check("what we say", said.Bytes())
	err = filepath.WalkDir(w.stateDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "credentials.json" {
			return err
		}
		b, err := os.ReadFile(path)
		check(path, b)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// refreshOddly refreshes with answers that are no plain success, and says what
// comes of each.
func refreshOddly(t *testing.T, w *testbed, a *Authority, s Server, say func(any)) {
	t.Helper()
	for _, rewrite := range []func(int, string) (int, string){
		func(_ int, body string) (int, string) { return 500, body },
		func(status int, body string) (int, string) { return status, strings.TrimRight(body, "}\n") },
		func(status int, body string) (int, string) {
			return status, strings.Replace(body, "{", `{"error":"x",`, 1)
		},
		func(_ int, body string) (int, string) { return 302, body },
	} {
		w.Fail(authtest.Token, authtest.Fault{Times: 1, Rewrite: rewrite})
		say(a.Refresh(t.Context(), s))
	}
	w.Fail(authtest.Token, authtest.Fault{Times: 1, Status: 401, Body: "no"})
	say(a.Refresh(t.Context(), s))
	say(a.Refresh(t.Context(), s))
}
