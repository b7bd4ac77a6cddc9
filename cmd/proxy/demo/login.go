package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"mcpproxy/auth/authtest"
)

func (t *tour) needsLogin(ctx context.Context) error {
	t.title("It calls a server that wants a login")
	text, err := t.ask(ctx, readDiary, true)
	if err != nil {
		return err
	}
	return expect(text, `"needs_auth"`, `\"action\":\"login\"`)
}

const readDiary = `{"action":"call","server":"diary","tool":"read_entry"}`

// logIn plays the model and the person with a browser.
func (t *tour) logIn(ctx context.Context) error {
	t.title("It asks for a login; the person opens the link and pastes what comes of it")
	text, err := t.ask(ctx, `{"action":"login","server":"diary"}`, false)
	if err != nil {
		return err
	}
	var login struct {
		AuthorizeURL string `json:"authorize_url"`
	}
	if err := json.Unmarshal([]byte(text), &login); err != nil {
		return err
	}
	landed, err := browse(ctx, login.AuthorizeURL)
	if err != nil {
		return err
	}
	request, err := json.Marshal(map[string]string{"action": "complete_login", "server": "diary", "redirect_url": landed})
	if err != nil {
		return err
	}
	if text, err = t.ask(ctx, string(request), false); err != nil {
		return err
	}
	if err := expect(text, `"ok":true`); err != nil {
		return err
	}
	if text, err = t.ask(ctx, readDiary, false); err != nil {
		return err
	}
	return expect(text, "Dear diary")
}

// browse opens a link as a browser does, up to the page that it would land on
// but cannot load.
func browse(ctx context.Context, link string) (landed string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return "", err
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if landed = resp.Header.Get("Location"); landed == "" {
		return "", fmt.Errorf("the authorization server answered %s and no redirect", resp.Status)
	}
	return landed, nil
}

func (t *tour) refreshed(ctx context.Context) error {
	t.title("The access token expires; nobody notices")
	t.issuer.ExpireTokens()
	text, err := t.ask(ctx, readDiary, false)
	if err != nil {
		return err
	}
	if n := t.issuer.Count(authtest.Rotated, ""); n != 1 {
		return fmt.Errorf("%d refreshes, want one", n)
	}
	t.note("it was refreshed with one request, and the rotated refresh token was kept")
	return expect(text, "Dear diary")
}
