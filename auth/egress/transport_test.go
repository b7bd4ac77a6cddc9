package egress_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"mcpproxy/auth/egress"
	"mcpproxy/upstream/httpfail/resettest"
)

func parse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Only a GET follows redirects, and only to listed hosts.
func TestRedirects(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("a host that is not listed was sent %s %s", r.Method, r.URL)
	}))
	defer other.Close()
	own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/near":
			http.Redirect(w, r, "/", http.StatusTemporaryRedirect)
		case "/far":
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		case "/circle":
			http.Redirect(w, r, "/circle", http.StatusTemporaryRedirect)
		case "/nowhere":
			w.Header().Set("Location", "http://[::1")
			w.WriteHeader(http.StatusFound)
		}
	}))
	defer own.Close()
	transports := egress.NewTransports(nil)
	defer transports.Close()
	client := transports.Client(egress.Allowlist{Own: []*url.URL{parse(t, own.URL)}})
	get := func(path string) error {
		resp, err := client.Get(own.URL + path)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	if err := get("/near"); err != nil {
		t.Errorf("within the host: %v", err)
	}
	if _, blocked := errors.AsType[*egress.BlockedHostError](get("/far")); !blocked {
		t.Error("followed to another host")
	}
	if err := get("/circle"); err == nil {
		t.Error("followed for ever")
	}
	for _, path := range []string{"/near", "/far", "/nowhere"} {
		resp, err := client.Post(own.URL+path, "text/plain", strings.NewReader("secret"))
		if err != nil {
			t.Errorf("%s: the answer to a POST is lost: %v", path, err)
			continue
		}
		resp.Body.Close()
		if resp.StatusCode/100 != 3 {
			t.Errorf("%s: a POST was redirected: HTTP %d", path, resp.StatusCode)
		}
	}
}

// A hook carries only requests to listed hosts.
func TestHook(t *testing.T) {
	t.Parallel()
	var sent []string
	hook := roundTrip(func(req *http.Request) (*http.Response, error) {
		sent = append(sent, req.URL.Host)
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
	})
	transports := egress.NewTransports(hook)
	defer transports.Close()
	client := transports.Client(egress.Allowlist{Own: []*url.URL{parse(t, "https://own.example/mcp")}})
	for _, rawURL := range []string{"https://own.example/x", "https://other.example/"} {
		if resp, err := client.Get(rawURL); err == nil {
			resp.Body.Close()
		}
	}
	if len(sent) != 1 || sent[0] != "own.example" {
		t.Errorf("sent to %v", sent)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// What is posted carries codes and refresh tokens, which are spent by it, and leaves
// once, whatever ends the stream.
func TestPostLeavesOnce(t *testing.T) {
	t.Parallel()
	server := resettest.New(t, http2.ErrCodeProtocol)
	rule, err := egress.ParseRule(strings.TrimPrefix(server.URL, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	client := egress.NewTransports(server.Transport).Client(egress.Allowlist{Rules: []egress.Rule{rule}})
	resp, err := client.Post(server.URL, "text/plain", strings.NewReader("refresh_token=x"))
	if err == nil {
		resp.Body.Close()
		t.Error("the request has an answer")
	}
	if n := server.Taken(); n != 1 {
		t.Errorf("the request left %d times", n)
	}
}
