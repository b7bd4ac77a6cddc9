package auth

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"mcpproxy/auth/authtest"
)

// A refresh is refused for good in many words, but not where the answer asks to
// wait.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status     int
		retryAfter string
		body       string
		refuses    bool
		code       string
	}{
		"invalid_grant":              {400, "", `{"error":"invalid_grant"}`, true, "invalid_grant"},
		"invalid_client":             {401, "", `{"error":"invalid_client"}`, true, "invalid_client"},
		"in other words":             {400, "", `{"error":"invalid_request"}`, true, "invalid_request"},
		"a page":                     {403, "", `<html>`, true, "http_403"},
		"422":                        {422, "", `{"error":"invalid_request"}`, true, "invalid_request"},
		"422, other words":           {422, "", `{"message":"The refresh token is invalid."}`, true, "http_422"},
		"422, text":                  {422, "", `refresh token expired`, true, "http_422"},
		"error within":               {400, "", `{"error":{"code":"token_expired","message":"x"}}`, true, "token_expired"},
		"error within, HTTP 422":     {422, "", `{"error":{"type":"invalid_token","code":7}}`, true, "invalid_token"},
		"grant with Retry-After":     {400, "1", `{"error":"invalid_grant"}`, true, "invalid_grant"},
		"rate limit":                 {400, "", `{"error":"rate_limit_exceeded"}`, false, "rate_limit_exceeded"},
		"rate limit, HTTP 403":       {403, "", `{"error":"rate_limit_exceeded"}`, false, "rate_limit_exceeded"},
		"rate limit, HTTP 422":       {422, "", `{"error":"rate_limit_exceeded"}`, false, "rate_limit_exceeded"},
		"rate limit, HTTP 200":       {200, "", `{"error":"rate_limit_exceeded"}`, false, "rate_limit_exceeded"},
		"rate limit within":          {403, "", `{"error":{"code":"rate_limit_exceeded"}}`, false, "rate_limit_exceeded"},
		"rate limit, other spelling": {403, "", `{"error":"RateLimitExceeded"}`, false, "RateLimitExceeded"},
		"too many requests":          {400, "", `{"error":"too_many_requests"}`, false, "too_many_requests"},
		"too many, spaced":           {403, "", `{"error":"Too Many Requests"}`, false, "Too Many Requests"},
		"throttled":                  {400, "", `{"error":"ThrottlingException"}`, false, "ThrottlingException"},
		"slow down":                  {400, "", `{"error":"slow_down"}`, false, "slow_down"},
		"slow down, cut":             {400, "", `{"error":"slow_down","error_description":"pl`, false, "slow_down"},
		"unavailable":                {401, "", `{"error":"temporarily_unavailable"}`, false, "temporarily_unavailable"},
		"server error":               {400, "", `{"error":"server_error"}`, false, "server_error"},
		"429 and a refusal":          {429, "", `{"error":"invalid_grant"}`, false, "invalid_grant"},
		"400, Retry-After":           {400, "30", `{"error":"invalid_request"}`, false, "invalid_request"},
		"401, Retry-After":           {401, "30", `later`, false, "http_401"},
		"expired, Retry-After":       {400, "60", `{"error":"invalid_request","error_description":"Refresh token expired"}`, true, "invalid_request"},
		"revoked, in text":           {401, "60", `The grant was revoked.`, true, "http_401"},
		"unknown, other words":       {422, "60", `{"message":"unknown refresh_token"}`, true, "http_422"},
		"invalid, HTTP 200":          {200, "60", `{"error":"x","error_description":"invalid token"}`, true, "x"},
		"of something else":          {400, "60", `{"error":"invalid_request","error_description":"session expired"}`, false, "invalid_request"},
		"too many of a token":        {400, "60", `{"error":"invalid_request","error_description":"too many invalid token requests"}`, false, "invalid_request"},
		"expired, HTTP 503":          {503, "60", `{"error":"x","error_description":"Refresh token expired"}`, false, "x"},
		"expired, HTTP 429":          {429, "60", `{"error":"x","error_description":"Refresh token expired"}`, false, "x"},
		"expired, rate limit":        {400, "60", `{"error":"rate_limited","error_description":"token expired"}`, false, "rate_limited"},
		"error within, HTTP 200":     {200, "", `{"error":{"code":"invalid_grant","message":"Session expired"}}`, true, "invalid_grant"},
		"403, Retry-After":           {403, "0", `<html>`, false, "http_403"},
		"403, Retry-After, a date":   {403, "Fri, 31 Dec 1999 23:59:59 GMT", `<html>`, false, "http_403"},
		"422, Retry-After, odd":      {422, "soon", `{}`, false, "http_422"},
		"404":                        {404, "", `{"error":"not_found"}`, false, "not_found"},
		"404, a page":                {404, "", `<html>`, false, "http_404"},
		"410":                        {410, "", `gone`, false, "http_410"},
		"500":                        {500, "", `{"error":"invalid_request"}`, false, "invalid_request"},
	} {
		resp := answerOf(c.status, "Retry-After", c.retryAfter)
		_, err := reader.readResponse(resp, []byte(c.body), nil)
		if isRefusal(err) != c.refuses || failureFrom(err, "", strings.TrimSpace).RefreshError != c.code {
			t.Errorf("%s: refuses %v as %s: %v", name, isRefusal(err), failureFrom(err, "", strings.TrimSpace), err)
		}
	}
}

// answerOf is an answer of as.example with one header, if it is not empty.
func answerOf(status int, header, value string) *http.Response {
	rec := httptest.NewRecorder()
	if value != "" {
		rec.Header().Set(header, value)
	}
	rec.WriteHeader(status)
	resp := rec.Result()
	resp.Request = &http.Request{URL: &url.URL{Host: "as.example"}}
	return resp
}

// What is told of a refusal, and of an answer that is none.
func TestRefusalsAreTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  authtest.Fault
		reason NeedsAuthReason
		code   string
	}{
		"422":        {authtest.Fault{Status: 422, Body: `{"message":"The refresh token is invalid."}`}, Revoked, "http_422"},
		"410":        {authtest.Fault{Status: 410, Body: "gone"}, "", "http_410"},
		"rate limit": {authtest.Fault{Status: 403, Body: `{"error":"rate_limit_exceeded"}`}, "", "rate_limit_exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refreshFails(t, func(w *testbed) { w.Fail(authtest.Token, c.fault) }, c.reason, c.code, false)
		})
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	for value, want := range map[string][2]time.Duration{
		"":                           {0, 0},
		"30":                         {30 * time.Second, 30 * time.Second},
		"0":                          {time.Second, time.Second},
		"-5":                         {time.Second, time.Second},
		"soon":                       {time.Second, time.Second},
		"999999999999":               {time.Hour, time.Hour},
		"99999999999999999999999999": {time.Second, time.Hour},
		in(time.Minute):              {50 * time.Second, time.Minute},
		in(-time.Minute):             {time.Second, time.Second},
		in(100 * time.Hour):          {time.Hour, time.Hour},
	} {
		got := retryAfter(&http.Response{Header: http.Header{"Retry-After": {value}}})
		if got < want[0] || got > want[1] {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

// An answer that asks to wait does not end a login.
func TestLoginOutlivesAWait(t *testing.T) {
	t.Parallel()
	w := newTestbed(t, authtest.Options{Protected: open})
	a, s := w.process(t), w.upstream()
	l := begin(t, a, s, FlowPaste)
	landed := landing(t, l.AuthorizeURL)
	for _, f := range []authtest.Fault{
		{Times: 1, Status: 503, Body: `{"error":"temporarily_unavailable"}`},
		{Times: 1, Status: 400, Body: `{"error":"rate_limit_exceeded"}`},
		{Times: 1, Status: 429, Body: `{"error":"invalid_grant"}`},
	} {
		w.Fail(authtest.Token, f)
		if err := a.Complete(t.Context(), s, landed); reasonOfLogin(err) != StillWaiting {
			t.Errorf("after %s: %v", f.Body, err)
		}
	}
	if err := a.Complete(t.Context(), s, landed); err != nil {
		t.Error(err)
	}
	wait(t, l, "")
}

// An error that is an object is told with its words, whatever the status.
func TestErrorWithinIsToldWithItsWords(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 400} {
		for _, member := range []string{"message", "description"} {
			body := `{"error":{"code":"invalid_grant","` + member + `":"Session\nexpired"}}`
			_, err := reader.readResponse(answerOf(status, "", ""), []byte(body), nil)
			if err == nil || err.Error() != `invalid_grant: "Session expired"` {
				t.Errorf("HTTP %d, %s: %v", status, member, err)
			}
		}
	}
	_, err := reader.readResponse(answerOf(200, "", ""), []byte(`{"access_token":"a","error":{}}`), nil)
	if err != nil {
		t.Errorf("an empty error: %v", err)
	}
}
