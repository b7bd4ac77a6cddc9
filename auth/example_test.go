package auth_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"

	"mcpproxy/auth"
	"mcpproxy/auth/authtest"
	"mcpproxy/auth/vault"
)

// landing visits an authorize URL like a browser, and returns the redirect
// URL that a person would copy from the address bar.
func landing(authorizeURL string) (string, error) {
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.Get(authorizeURL)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	return resp.Header.Get("Location"), nil
}

// A person logs in to an upstream by pasting the redirect URL, and the
// handler then supplies its connection with tokens.
func Example() {
	server := authtest.New(authtest.Options{
		Protected: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }),
	})
	if err := server.Start(); err != nil {
		panic(err)
	}
	defer server.Close()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	a := auth.New(auth.Options{Vault: vault.Open(vault.Options{StateDir: dir, Store: vault.StoreFile})})
	defer a.Close()
	up := auth.Server{
		Name: "up", Key: vault.Key("up", ""), URL: server.ResourceURL(),
		Config: auth.Config{Discovery: true, DiscoveryAllowlist: []string{"127.0.0.1"}},
	}
	ctx := context.Background()

	login, err := a.Begin(ctx, up, auth.LoginOptions{Flow: auth.FlowPaste})
	if err != nil {
		panic(err)
	}
	pasted, err := landing(login.AuthorizeURL)
	if err != nil {
		panic(err)
	}
	fmt.Println("completed:", a.Complete(ctx, up, pasted))
	fmt.Println("waited:", login.Wait(ctx))

	status, err := a.Status(up)
	fmt.Println(status.State, status.Scopes, err)

	source, err := a.Handler(up).TokenSource(ctx)
	if err != nil {
		panic(err)
	}
	token, err := source.Token()
	if err != nil {
		panic(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, up.URL, nil)
	if err != nil {
		panic(err)
	}
	token.SetAuthHeader(req)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, string(body), err)

	revoked, err := a.Logout(ctx, up)
	fmt.Println("revoked:", revoked, err)
	// Output:
	// completed: <nil>
	// waited: <nil>
	// logged_in [read write offline_access] <nil>
	// 200 hello <nil>
	// revoked: true <nil>
}
