package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"mcpproxy/auth/egress"
	"mcpproxy/auth/vault"
	"mcpproxy/upstream/httpfail"
)

// maxBody is the limit of a response body in bytes; the largest real
// metadata and token responses have about 10 KiB.
const maxBody = 512 << 10

var (
	errTooBig      = fmt.Errorf("answer is larger than %d bytes", maxBody)
	errBadResponse = errors.New("answer is not the JSON it should be")
)

// do sends req and reads the body up to maxBody. What was read of the body is
// returned even with an error, and the response too if there was one: the
// error then does not name the host.
func (t *target) do(req *http.Request) (*http.Response, []byte, error) {
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", req.URL.Host, httpfail.Plain(err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return resp, body, httpfail.Plain(err)
	}
	if len(body) > maxBody {
		return resp, body[:maxBody], &AnswerError{Host: req.URL.Host, Err: errTooBig}
	}
	return resp, body, nil
}

// post sends form to an endpoint of the authorization server, authenticated
// as client, and returns the members of the response: those that can be read
// even with an error, because a new refresh token may be among them. An error
// member makes an [*OAuthError] whatever the HTTP status is, because some
// servers answer errors with 200.
func (t *target) post(ctx context.Context, endpoint string, client vault.Client, form url.Values) (response, error) {
	basic := false
	switch client.AuthMethod {
	case authBasic:
		basic = true
	case authPost:
		form.Set("client_id", client.ID)
		form.Set("client_secret", client.Secret)
	default:
		form.Set("client_id", client.ID)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, egress.ErrNotURL
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if basic {
		// RFC 6749 section 2.3.1: both are form-encoded first.
		req.SetBasicAuth(url.QueryEscape(client.ID), url.QueryEscape(client.Secret))
	}
	resp, body, err := t.do(req)
	return t.readResponse(resp, body, err, secretsOf(form, client)...)
}

// secretsOf returns what must not be seen of a form that client sends, should
// the answer quote it.
func secretsOf(form url.Values, client vault.Client) []string {
	id, secret := url.QueryEscape(client.ID), url.QueryEscape(client.Secret)
	secrets := []string{client.Secret, secret}
	if client.Secret != "" {
		// In base64, what Basic authentication sends and what it should not.
		secrets = append(secrets, id+":"+secret, client.ID+":"+client.Secret)
	}
	for _, name := range []string{"code", "code_verifier", "refresh_token", "device_code", "token"} {
		secrets = append(secrets, form.Get(name))
	}
	return secrets
}

// postJSON is post for dynamic registration, which needs no authentication.
func (t *target) postJSON(ctx context.Context, endpoint string, v any) (response, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(b))
	if err != nil {
		return nil, egress.ErrNotURL
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	resp, body, err := t.do(req)
	return t.readResponse(resp, body, err)
}

// A response holds the members of a JSON response. Each is decoded on its
// own, so that one of the wrong type does not lose the others, such as a new
// refresh token.
type response map[string]json.RawMessage

// readResponse reads what do returned. An error quotes neither secrets, which
// were sent, nor those in the answer.
func (t *target) readResponse(resp *http.Response, body []byte, err error, secrets ...string) (response, error) {
	if resp == nil {
		return nil, err
	}
	host, succeeded := resp.Request.URL.Host, resp.StatusCode >= 200 && resp.StatusCode <= 299
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	a, decodeErr := decodeMembers(body, mediaType, err != nil)
	code := a.text("error")
	if code == "" {
		code = a.errorWithin()
	}
	for _, name := range []string{"access_token", "refresh_token", "id_token", "device_code", "client_secret"} {
		secrets = append(secrets, a.text(name))
	}
	if code != "" {
		return a, &OAuthError{
			Code: t.tell(code, 60, secrets...), Description: t.tell(a.description(), 200, secrets...),
			Status: resp.StatusCode, RetryAfter: retryAfter(resp),
		}
	}
	switch {
	case !succeeded:
		return a, &HTTPError{
			Host: host, Status: resp.StatusCode, RetryAfter: retryAfter(resp),
			Words: t.tell(a.words(body), maxWords, secrets...),
		}
	case err != nil && !isAnswerError(err):
		// What was sent is used up, although its answer was not received whole.
		return a, &AnswerError{Host: host, Err: err}
	case err != nil:
		return a, err
	case decodeErr != nil:
		return a, &AnswerError{Host: host, Err: decodeErr}
	}
	return a, nil
}

// decodeMembers decodes a JSON object, or a form where the media type or the
// members say that it is one. Some servers write a byte order mark or a notice
// before the object, or something after it, or the object as a string. Where
// the answer cannot be decoded or holds no tokens, the members are those that
// can be read, with the refresh token wherever it stands. cut says that only
// the beginning of the body was received.
func decodeMembers(body []byte, mediaType string, cut bool) (response, error) {
	var inner string
	if json.Unmarshal(body, &inner) == nil {
		body = []byte(inner)
	}
	body = bytes.TrimSpace(body)
	if len(body) == 0 || string(body) == "null" {
		return response{}, nil // a revocation response is empty, RFC 7009 section 2.2
	}
	a, err := decodeObject(body)
	if err != nil || !a.says() {
		form := formResponse(string(body), cut)
		isForm := mediaType == "application/x-www-form-urlencoded" || mediaType == "text/plain"
		if form.says() || isForm && err != nil && len(a) == 0 && len(form) > 0 {
			return form, nil
		}
	}
	if isBlank(a["refresh_token"]) && (err != nil || isBlank(a["access_token"])) {
		a.salvage(body)
	}
	return a, err
}

// says reports whether the members are what a token endpoint answers.
func (a response) says() bool {
	return !isBlank(a["access_token"]) || !isBlank(a["refresh_token"]) || !isBlank(a["error"])
}

// decodeObject decodes the first JSON object in body. With an error it returns
// the members before the fault.
func decodeObject(body []byte) (response, error) {
	a := response{}
	i := bytes.IndexByte(body, '{')
	if i < 0 {
		return a, errBadResponse
	}
	d := json.NewDecoder(bytes.NewReader(body[i:]))
	_, _ = d.Token() // the brace
	for d.More() {
		token, err := d.Token()
		name, isName := token.(string)
		var value json.RawMessage
		if err != nil || !isName || d.Decode(&value) != nil {
			return a, errBadResponse
		}
		if strings.HasSuffix(name, "_token") && isBlank(value) && a[name] != nil {
			continue // the token of a member that stands twice
		}
		a[name] = value
	}
	if _, err := d.Token(); err != nil {
		return a, errBadResponse
	}
	return a, nil
}

// isBlank reports whether a member is missing or no string, or holds no more
// than space.
func isBlank(value json.RawMessage) bool {
	var s string
	return json.Unmarshal(value, &s) != nil || strings.TrimSpace(s) == ""
}

var refreshTokenMember = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`["']refresh_token["']\s*:\s*("(?:[^"\\]|\\.)*"|'[^'"\\]*')`)
})

// salvage finds the refresh token in the body of a token response that is cut
// off or malformed, or holds it within another object.
func (a response) salvage(body []byte) {
	for _, m := range refreshTokenMember().FindAllSubmatch(body, -1) {
		value := m[1]
		if value[0] == '\'' {
			value = []byte(`"` + string(value[1:len(value)-1]) + `"`)
		}
		if !isBlank(value) {
			a["refresh_token"] = value
		}
	}
}

// formResponse reads a form-encoded response, which some servers send although
// JSON was accepted. Of a form that was cut the last value is not whole.
func formResponse(body string, cut bool) response {
	if cut {
		body = body[:max(0, strings.LastIndexByte(body, '&'))]
	}
	values, _ := url.ParseQuery(strings.TrimSpace(body)) // what can be read
	a := response{}
	for name, all := range values {
		text := ""
		for _, v := range all {
			if strings.TrimSpace(v) != "" {
				text = v
			}
		}
		a[name], _ = json.Marshal(text) // a string always can be
	}
	return a
}

// text returns a string member, or "" if it is missing or no string.
func (a response) text(name string) string {
	var s string
	if json.Unmarshal(a[name], &s) != nil {
		return ""
	}
	return s
}

// maxScopes bounds a list of scopes in bytes, as maxToken bounds a token.
const maxScopes = 4 << 10

// scopes returns the scope member, or nil if it is missing, empty or too long.
func (a response) scopes() []string {
	scope := a.text("scope")
	var list []string
	if json.Unmarshal(a["scope"], &list) == nil { // against RFC 6749 section 3.3
		scope = strings.Join(list, " ")
	}
	if scope == "" || len(scope) > maxScopes {
		return nil
	}
	return strings.FieldsFunc(scope, func(r rune) bool { return r == ' ' || r == ',' }) // GitHub separates them by commas
}

// maxSeconds is the limit of every lifetime: a year.
const maxSeconds = 366 * 24 * 60 * 60

// seconds returns a member that is a number of seconds, possibly written as
// a string. It is 0 if the member is missing, negative or no number.
func (a response) seconds(name string) time.Duration {
	raw := a.text(name)
	if raw == "" {
		raw = string(a[name])
	}
	n, err := strconv.ParseFloat(raw, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || !(n > 0) {
		return 0
	}
	return time.Duration(min(n, maxSeconds) * float64(time.Second))
}

// retryAfter reads Retry-After (RFC 9110 section 10.2.3): from a second, which
// also stands for what cannot be read, to an hour. It is 0 if there is none.
func retryAfter(resp *http.Response) time.Duration {
	value := resp.Header.Get("Retry-After")
	if value == "" {
		return 0
	}
	const longest = time.Hour
	wait := time.Duration(0)
	if n, err := strconv.Atoi(value); err == nil {
		wait = time.Duration(max(0, min(n, int(longest.Seconds())))) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = time.Until(at)
	}
	return max(time.Second, min(wait, longest))
}
