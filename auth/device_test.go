package auth

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy/auth/authtest"
	"mcpproxy/auth/vault"
)

func TestDeviceFlow(t *testing.T) {
	t.Parallel()
	for _, errorsOK := range []bool{false, true} {
		w := newTestbed(t, authtest.Options{Protected: open, DeviceErrorsOK: errorsOK})
		w.Decide(authtest.Ask)
		a, s := w.process(t), w.upstream()
		l := begin(t, a, s, FlowAuto)
		if l.Flow != vault.DeviceFlow || l.UserCode == "" || l.VerificationURL == "" || l.AuthorizeURL != "" {
			t.Fatalf("%+v", l.pending)
		}
		if err := a.Complete(t.Context(), s, "?code=c&state=s"); reasonOfLogin(err) != NotByPaste {
			t.Errorf("paste: %v", err)
		}
		waitFor(t, func() bool { return w.Count(authtest.TokenRequest, grantDevice) > 0 })
		w.Decide(authtest.Approve)
		wait(t, l, "")
		ok(t, a.Handler(s), s.URL)
	}
}

func TestDeviceFlowRefused(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	w.Decide(authtest.Deny)
	l := begin(t, w.process(t), w.upstream(), FlowDevice)
	wait(t, l, Denied)

	none := newTestbed(t, authtest.Options{Protected: open, NoDevice: true})
	_, err := none.process(t).Begin(t.Context(), none.upstream(), LoginOptions{Flow: FlowDevice})
	if reasonOfLogin(err) != NoDevice {
		t.Errorf("without a device endpoint: %v", err)
	}
}

// A scriptedServer answers token requests in order, in memory, so that
// synctest controls the time.
type scriptedServer struct {
	answers []string // bodies; "" closes the connection, the last one repeats
	asked   []time.Duration
	start   time.Time
}

func (s *scriptedServer) RoundTrip(req *http.Request) (*http.Response, error) {
	io.Copy(io.Discard, req.Body)
	body := `{"device_code":"dc","user_code":"UC","verification_uri":"https://as.example/device","expires_in":600}`
	status := http.StatusOK
	if req.URL.Path == "/token" {
		s.asked = append(s.asked, time.Since(s.start))
		if body = s.answers[0]; len(s.answers) > 1 {
			s.answers = s.answers[1:]
		}
		if body == "" {
			return nil, io.ErrUnexpectedEOF
		}
		if strings.Contains(body, "error") || strings.Contains(body, "message") {
			status = http.StatusBadRequest
		}
		if n, err := strconv.Atoi(strings.TrimPrefix(body, "HTTP ")); err == nil {
			status = n
		}
	}
	rec := httptest.NewRecorder()
	rec.Header().Set("Content-Type", "application/json")
	rec.WriteHeader(status)
	io.WriteString(rec, body)
	resp := rec.Result()
	resp.Request = req
	return resp, nil
}

func TestDevicePolling(t *testing.T) {
	const (
		waiting = `{"error":"authorization_pending"}`
		slower  = `{"error":"slow_down"}`
		token   = `{"access_token":"at","token_type":"bearer"}`
	)
	for name, c := range map[string]struct {
		answers []string
		asked   []int // seconds
		reason  LoginReason
	}{
		"five seconds by default": {[]string{waiting, waiting, token}, []int{5, 10, 15}, ""},
		"slow down":               {[]string{slower, waiting, slower, token}, []int{5, 15, 25, 40}, ""},
		"network blips":           {[]string{"", "", waiting, token}, []int{5, 15, 35, 40}, ""},
		"busy":                    {[]string{`{"error":"temporarily_unavailable"}`, `{"error":"rate_limit_exceeded"}`, waiting, token}, []int{5, 15, 35, 40}, ""},
		"busy in other words":     {[]string{"HTTP 503", "HTTP 429", waiting, token}, []int{5, 15, 35, 40}, ""},
		"refused in other words":  {[]string{waiting, `{"message":"device code expired"}`}, []int{5, 10}, Refused},
		"pending in other words":  {[]string{`{"message":"Authorization pending"}`, token}, []int{5, 10}, ""},
		"refused in text":         {[]string{"HTTP 401"}, []int{5}, Refused},
		"not found":               {[]string{"HTTP 404"}, []int{5}, Refused},
		"a page":                  {[]string{"<html>"}, []int{5}, BadToken},
		"denied":                  {[]string{`{"error":"access_denied"}`}, []int{5}, Denied},
		"expired":                 {[]string{`{"error":"expired_token"}`}, []int{5}, LoginExpired},
		"unknown code":            {[]string{`{"error":"invalid_grant"}`}, []int{5}, LoginExpired},
		"nobody comes":            {[]string{slower, slower, slower, slower, slower, slower, slower, slower, slower, slower, slower, slower, slower, slower, slower, waiting}, nil, LoginExpired},
	} {
		t.Run(name, func(t *testing.T) {
			store := newVault(t)
			synctest.Test(t, func(t *testing.T) {
				server := &scriptedServer{answers: c.answers, start: time.Now()}
				a := New(Options{Vault: store, Transport: server})
				l, err := a.Begin(t.Context(), Server{
					Name: "up", Key: vault.Key("up", ""), URL: "https://up.example/mcp",
					Config: Config{TokenURL: "https://as.example/token", DeviceAuthorizationEndpoint: "https://as.example/device", ClientID: "c"},
				}, LoginOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if err := l.Wait(t.Context()); reasonOfLogin(err) != c.reason || c.reason == "" && err != nil {
					t.Errorf("ended with %v, want %q", err, c.reason)
				}
				a.Close() // waits for the poller
				var asked []int
				for _, d := range server.asked {
					asked = append(asked, int(d.Seconds()))
				}
				if c.asked != nil && !slices.Equal(asked, c.asked) {
					t.Errorf("asked after %v s, want %v s", asked, c.asked)
				}
				if c.asked == nil && time.Since(server.start) < 10*time.Minute {
					t.Errorf("gave up after %v", time.Since(server.start))
				}
			})
		})
	}
}

// Device authorization responses of real servers.
func TestDeviceAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body map[string]any
		ok   bool
		code string
	}{
		"verification_url":   {map[string]any{"device_code": "d", "user_code": "u", "verification_url": "https://as.example/d"}, true, ""},
		"GitHub's HTTP 200":  {map[string]any{"error": "device_flow_disabled"}, false, "device_flow_disabled"},
		"no user code":       {map[string]any{"device_code": "d", "verification_uri": "https://as.example/d"}, false, ""},
		"plain http":         {map[string]any{"device_code": "d", "user_code": "u", "verification_uri": "http://as.example/d"}, false, ""},
		"script":             {map[string]any{"device_code": "d", "user_code": "u", "verification_uri": "javascript:alert(1)"}, false, ""},
		"script as complete": {map[string]any{"device_code": "d", "user_code": "u", "verification_uri": "https://as.example/d", "verification_uri_complete": "javascript:alert(1)"}, false, ""},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/token") {
				io.WriteString(w, `{"error":"authorization_pending"}`)
				return
			}
			json.NewEncoder(w).Encode(c.body)
		}))
		t.Cleanup(server.Close)
		a := New(Options{Vault: newVault(t)})
		t.Cleanup(a.Close)
		l, err := a.Begin(t.Context(), Server{
			Name: "up", Key: vault.Key("up", ""), URL: server.URL + "/mcp",
			Config: Config{TokenURL: server.URL + "/token", DeviceAuthorizationEndpoint: server.URL + "/device", ClientID: "c"},
		}, LoginOptions{})
		if (err == nil) != c.ok || codeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && l.VerificationURL != "https://as.example/d" {
			t.Errorf("%s: %q", name, l.VerificationURL)
		}
		if _, ok := errors.AsType[*DiscoveryError](err); !c.ok && c.code == "" && !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
