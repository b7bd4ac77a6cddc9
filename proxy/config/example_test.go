package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"mcpproxy/proxy/config"
)

// load reads a global file of that text, for the examples.
func load(text string) *config.Config {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "mcp.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		panic(err)
	}
	return config.Load(config.LoadOptions{Global: file})
}

// A broken entry is reported with its line, and the others can be used.
func ExampleLoad() {
	c := load(`{
  // Comments and trailing commas are allowed.
  "mcpServers": {
    "files": { "command": "files-server" },
    "notes": { "comand": "notes-server" },
  },
}`)
	for _, s := range c.Servers {
		if p := s.Problem; p != nil {
			fmt.Printf("line %d: %s (%s)\n", p.Line, p.Message, p.Hint)
			continue
		}
		fmt.Println(s.Name, s.Entry.Type, s.Entry.Command)
	}
	// Output:
	// files stdio files-server
	// line 5: server "notes": unknown key "comand" (did you mean "command"?)
}

// Placeholders are substituted, and what the entry leaves open comes from the
// settings.
func ExampleServer_Resolve() {
	c := load(`{
  "mcpServers": {
    "tools": { "url": "https://${env:HOST:-localhost}/mcp", "headers": { "X-Key": "${env:KEY}" } }
  },
  "call_timeout": "5s"
}`)
	server := c.Server("tools")
	keys := map[string]string{"KEY": "k-123"}
	getenv := func(name string) (string, bool) { v, ok := keys[name]; return v, ok }

	r, err := server.Resolve(getenv, c.Settings)
	fmt.Println(r.Upstream.URL, r.Upstream.Headers["X-Key"], time.Duration(r.Upstream.CallTimeout), err)

	delete(keys, "KEY")
	_, err = server.Resolve(getenv, c.Settings)
	fmt.Println(err)
	// Output:
	// https://localhost/mcp k-123 5s <nil>
	// environment variable KEY, which "headers.X-Key" of server "tools" needs, is not set
}

// Literal secrets are masked, and placeholders, which hold none, are kept.
func ExampleConfig_Masked() {
	c := load(`{"mcpServers": {"tools": {
  "url": "https://user:password@example.com/mcp?key=secret",
  "headers": {"X-Key": "${env:KEY}", "X-Other": "secret"}
}}}`)
	c.Servers[0].File = "mcp.json" // the example's own path changes
	os.Stdout.Write(c.Masked())
	// Output:
	// {
	//   "servers": [
	//     {
	//       "name": "tools",
	//       "layer": "global",
	//       "file": "mcp.json",
	//       "config": {
	//         "type": "http",
	//         "url": "https://***@example.com/mcp?key=***",
	//         "headers": {
	//           "X-Key": "${env:KEY}",
	//           "X-Other": "***"
	//         }
	//       }
	//     }
	//   ]
	// }
}
