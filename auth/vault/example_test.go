package vault_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"mcpproxy/auth/vault"
)

// A refresh, in the order that cannot lose a refresh token: lock, read again,
// refresh, save, unlock.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	v := vault.Open(vault.Options{StateDir: dir, Store: vault.StoreFile})
	ctx, key := context.Background(), vault.Key("acme", "")

	_, err = v.Get(ctx, key)
	fmt.Println(errors.Is(err, vault.ErrNoCredential))

	r, err := v.Put(ctx, key, vault.Record{AccessToken: "old", RefreshToken: "secret", ServerURL: "https://acme.example/mcp?key=secret"})
	if err != nil {
		panic(err)
	}
	unlock, err := v.Lock(ctx, r.LockFile)
	if err != nil {
		panic(err)
	}
	defer unlock()
	if r, err = v.Reload(ctx, key); err != nil {
		panic(err)
	}
	r.AccessToken = "new"
	if _, err := v.Put(ctx, key, r); err != nil {
		panic(err)
	}

	index, err := v.Index()
	e := index.Credentials[key]
	fmt.Println(e.Server, e.ServerURL, e.HasRefreshToken, err)
	// Output:
	// true
	// acme https://acme.example/mcp true <nil>
}

// A client prints without its secrets, whatever the verb.
func ExampleClient() {
	c := vault.Client{ID: "proxy", Secret: "secret", AuthMethod: "client_secret_basic"}
	fmt.Printf("%+v\n", struct{ Client vault.Client }{c})
	// Output:
	// {Client:[client_id=proxy client_secret=[redacted] auth_method=client_secret_basic]}
}
