package privatefile_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"mcpproxy/auth/privatefile"
)

// Several processes count visits in one file. A damaged file is set aside.
func ExampleUpdate() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "state", "visits.json")

	visit := func(content []byte) ([]byte, error) {
		visits := 0
		if content != nil && json.Unmarshal(content, &visits) != nil {
			return nil, privatefile.ErrDamaged
		}
		return json.Marshal(visits + 1)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for range 3 {
		if err := privatefile.Update(ctx, path, 1<<10, visit); err != nil {
			panic(err)
		}
	}
	content, err := privatefile.Read(path, 1<<10)
	fmt.Println(string(content), err)
	// Output: 3 <nil>
}

// A process shows that it is alive by holding a lock.
func ExampleHeld() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "owner.lock")

	unlock, err := privatefile.Lock(context.Background(), path)
	if err != nil {
		panic(err)
	}
	fmt.Println(privatefile.Held(path))
	unlock()
	fmt.Println(privatefile.Held(path))
	// Output:
	// true
	// false
}
