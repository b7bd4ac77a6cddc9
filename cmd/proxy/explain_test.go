package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy/auth"
	"mcpproxy/auth/egress"
	"mcpproxy/auth/vault"
	"mcpproxy/catalog/schema"
	"mcpproxy/proxy"
	"mcpproxy/proxy/config"
	"mcpproxy/proxy/mcptool"
	"mcpproxy/upstream"
	"mcpproxy/upstream/child"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	soon    = time.Now().Add(time.Hour)
	errFact = errors.New("some fact")
)

// advised holds an error of each kind that explain knows, and some that it does
// not.
var advised = []error{
	errSilent,
	fmt.Errorf("connect: %w", context.Canceled),
	errFact,
	usagef("status takes at most %d name", 1),
	&unknownCommandError{name: "stauts", known: []string{"serve", "status"}},
	&unknownCommandError{name: "zzzzzzzzzz", known: []string{"serve", "status"}},

	&mcptool.UnknownServerError{Server: "gost", Near: []string{"ghost", "gist"}},
	&mcptool.UnknownServerError{Server: "gost"},
	&mcptool.UnknownToolError{Server: "notes", Tool: "add", Near: []string{"add_note"}},
	&mcptool.AmbiguousError{Kind: "tool", Name: "get", Could: []string{"a/get", "b/get"}},
	&proxy.BlockedError{Server: "notes", Tool: "drop"},
	&proxy.ArgumentsError{Server: "notes", Tool: "add", Signature: "add(text)", Err: &schema.ArgumentError{}},

	&config.UntrustedError{Server: "notes", Dir: "/p"},
	&config.DisabledError{Server: "notes", File: "/c/mcp.json"},
	&config.EntryError{Server: "notes", Err: &config.MissingVariableError{Variable: "TOKEN"}},
	&config.EntryError{Server: "notes", Err: &config.Problem{File: "/c/mcp.json", Line: 3, Message: "a fact", Hint: "a hint"}},
	&config.Problem{File: "/c/mcp.json", Message: "a fact"},
	&config.EntryError{Server: "notes", Err: errFact},
	config.ErrNoProject,
	&fs.PathError{Op: "open", Path: "/x", Err: fs.ErrPermission},
	&fs.PathError{Op: "open", Path: "/x", Err: fs.ErrNotExist},

	of(&auth.NeedsAuthError{Server: "diary", Reason: auth.InsufficientScope, Scopes: []string{"read", "write"}}),
	of(&auth.NeedsAuthError{Server: "diary", Reason: "no_credential"}),
	of(&auth.NeedsAuthError{Server: "diary", Reason: auth.Revoked, Err: &auth.OAuthError{Code: "invalid_request", Description: "Refresh token expired"}}),
	of(&auth.NeedsAuthError{Server: "diary", Reason: auth.Unusable, Err: &auth.AnswerError{Host: "login.example", Err: errFact}}),
	of(&auth.LoginError{Server: "diary", Reason: auth.WrongState}),
	of(&auth.LoginError{Server: "diary", Reason: auth.BadRedirect}),
	of(&auth.LoginError{Server: "diary", Reason: auth.StillWaiting, Err: &auth.HTTPError{Host: "login.example", Status: http.StatusServiceUnavailable, Words: "busy"}}),
	of(&auth.LoginError{Server: "diary", Reason: auth.Refused, Err: &auth.HTTPError{Host: "login.example", Status: http.StatusBadRequest, Words: "code was used"}}),
	of(&auth.LoginError{Server: "diary", Reason: auth.NotByPaste}),
	of(&auth.LoginError{Server: "diary", Reason: auth.AlreadyFinished}),
	of(&auth.LoginError{Server: "diary", Reason: auth.NoDevice}),
	of(&auth.LoginError{Server: "diary", Reason: "expired", Err: &auth.OAuthError{Code: "access_denied"}}),
	&unfinishedLoginError{server: "diary"},
	&unfinishedLoginError{server: "diary", noURL: true},
	of(&egress.BlockedHostError{Host: "login.example", Line: `"discovery_allowlist": ["login.example"]`}),
	of(&auth.ClientRequiredError{Issuer: "https://login.example", RedirectURI: "http://127.0.0.1:1/callback"}),
	of(&auth.ClientRequiredError{Issuer: "https://login.example", RedirectURI: "http://127.0.0.1:1/callback", Endpoint: "https://login.example/r", Err: &auth.OAuthError{Code: "access_denied"}}),
	of(&auth.ClientRequiredError{Issuer: "https://login.example", RedirectURI: "http://127.0.0.1:1/callback", Endpoint: "https://login.example/r", Err: errFact}),
	of(&auth.ForbiddenError{Server: "diary"}),
	&proxy.NoLoginError{Server: "notes", File: "/c/mcp.json"},
	of(&auth.ConfigError{Field: "oauth.client_id"}),
	of(&vault.Error{Op: "get", Store: vault.StoreKeyring, Reason: vault.Damaged}),
	of(&vault.Error{Op: "lock", Store: vault.StoreFile, Reason: vault.Timeout, File: "/s/lock"}),
	of(&vault.Error{Op: "lock", Store: vault.StoreFile, Reason: vault.Unavailable, File: "/s/lock"}),
	of(&vault.Error{Op: "get", Store: vault.StoreFile, Reason: vault.Unavailable, File: "/s/vault"}),
	of(&vault.Error{Op: "get", Store: vault.StoreKeyring, Reason: vault.Locked}),
	of(&vault.Error{Op: "get", Store: vault.StoreKeyring, Reason: vault.Timeout}),
	of(&vault.Error{Op: "get", Store: vault.StoreKeyring, Reason: vault.Unavailable}),
	of(&auth.RefreshError{Server: "diary", RetryAt: soon, Err: errFact}),
	of(&auth.HTTPError{Host: "login.example", Status: http.StatusBadGateway}),
	of(&auth.OAuthError{Code: "rate_limit_exceeded", Status: http.StatusBadRequest}),
	of(&auth.DiscoveryError{URL: "https://login.example/x", Err: errFact}),
	of(&auth.DiscoveryError{URL: "https://login.example/x", Reason: auth.NoPKCE, Err: errFact, Entry: `"oauth": {"token_url": "…"}`}),
	of(&auth.DiscoveryError{URL: "https://login.example/x", Reason: auth.OtherResource, Err: errFact, Entry: `"oauth": {"token_url": "…"}`}),
	of(&auth.DiscoveryError{URL: "https://login.example/x", Reason: auth.NoResource, Err: errFact, Entry: `"resource": "https://x"`}),
	of(&auth.DiscoveryError{URL: "https://login.example/x", Err: &auth.HTTPError{Host: "login.example", Status: http.StatusNotFound}}),
	of(&auth.OAuthError{Code: "invalid_client", Description: "who?"}),
	of(&auth.AnswerError{Host: "login.example", Err: errFact}),
	of(&egress.BlockedAddressError{Address: "10.0.0.1"}),

	of(&child.NotFoundError{Command: "npx", Dirs: []string{"/bin", "/usr/bin"}}),
	of(&child.NotFoundError{Command: "npx -y x", Dirs: []string{"/bin"}}),
	of(&child.NotFoundError{Command: "npx -y @x/y", Dirs: []string{"npx -y @x"}}),
	of(&child.NotFoundError{Command: "FOO=1 npx x", Dirs: []string{"/bin"}}),
	of(&child.NotFoundError{Command: `C:\Program Files\x.exe`, Dirs: []string{`C:\Program Files`}}),
	of(&upstream.StatusError{Code: http.StatusUnauthorized}),
	of(&upstream.StatusError{Code: http.StatusForbidden, Err: &auth.ForbiddenError{Server: "diary"}}),
	of(&upstream.StatusError{Code: http.StatusForbidden, Words: "not in your plan", Err: &auth.ForbiddenError{Server: "diary", Scopes: []string{"admin"}}}),
	of(fmt.Errorf("rejected by transport: %w", &auth.ConfigError{Field: "oauth.client_id"})),
	of(&upstream.StatusError{Code: http.StatusNotFound}),
	of(&upstream.StatusError{Code: http.StatusForbidden, Words: "plan does not include this tool"}),
	of(&upstream.StatusError{Code: http.StatusOK, Page: true}),
	of(&upstream.StatusError{Code: http.StatusTooManyRequests, RetryAfter: 2 * time.Minute}),
	of(&upstream.SizeError{Limit: 64 << 20}),
	of(&upstream.MalformedError{Problem: "not valid JSON"}),
	of(&upstream.InterruptedError{Stage: upstream.StageList, Err: errFact}),
	of(&upstream.TimeoutError{After: time.Minute, Stage: upstream.StageList}),
	of(&upstream.RedirectError{Code: http.StatusMovedPermanently, To: "https://b/mcp/"}),
	of(&upstream.OriginError{Want: "https://a", Got: "https://b"}),
	of(&upstream.DialError{Err: errFact}),
	of(&upstream.StartError{Stage: upstream.StageSpawn, Err: &child.WorkDirError{Dir: "/w"}}),
	of(&upstream.StartError{Stage: upstream.StageHandshake, Err: errFact, FirstLine: "hello", Outcome: child.Outcome{Stderr: "one\ntwo"}}),
	of(&upstream.InterruptedError{Err: errFact, Outcome: child.Outcome{Stderr: "one\ntwo"}}),
	of(&upstream.StartingError{Waited: time.Minute}),
	of(&upstream.StartingError{Waited: time.Minute, FirstLine: "hello"}),
	of(&upstream.StartingError{Waited: time.Minute, Stderr: "open https://login.example/x"}),
	of(&upstream.CoolingDownError{Until: soon, Last: errFact}),
	of(&upstream.TimeoutError{After: time.Minute, Idle: true}),
	of(&upstream.TimeoutError{After: time.Minute}),
	of(&upstream.InputRequiredError{Methods: []string{"elicitation/create"}}),
	of(&jsonrpc.Error{Code: -32601, Message: "no such method"}),
	of(errFact),
	fmt.Errorf("read: %w", of(&upstream.StatusError{Code: http.StatusUnauthorized})),
}

// TestAdviceToThePerson compares all that is said about each error with
// testdata/advice.golden.
func TestAdviceToThePerson(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, err := range advised {
		f := newFakeTerminal(t, "", nil)
		e := explain(err)
		f.report(e)
		fmt.Fprintf(&got, "%sexit code %d\n\n", f.stderr, e.code)
	}
	// How long ago the package was loaded depends on the machine.
	said := regexp.MustCompile(`in 3\d\d\d s`).ReplaceAllString(got.String(), "in SECONDS s")
	golden := filepath.Join("testdata", "advice.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(said), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if said != string(want) {
		t.Errorf("what is said differs from %s:\n%s", golden, said)
	}
}

// of says which server an error came from.
func of(err error) error { return &proxy.ServerError{Server: "diary", Err: err} }
