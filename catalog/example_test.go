package catalog_test

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"mcpproxy/catalog"
)

func Example() {
	dir, err := os.MkdirTemp("", "catalog")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	log := slog.New(slog.DiscardHandler)

	read, err := catalog.ParseTool([]byte(`{"name": "read_file", "inputSchema": {"properties": {"path": {"type": "string"}}, "required": ["path"]}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	catalog.Open(dir, log).Put(catalog.Entry{
		ID: "files", Instructions: "Reads files. Never writes.", Tools: []catalog.Tool{read}, ListedAt: time.Now(),
	})

	// Another process, or this one after a restart.
	c := catalog.Open(dir, log)
	fmt.Println(c.Infos()["files"].Summary)
	if entry, ok := c.Get("files"); ok {
		tool, _ := entry.Tool("read_file")
		fmt.Println(tool.Signature())
	}
	// Output:
	// Reads files.
	// read_file(path)
}

// Nothing but annotations tells whether a call does harm.
func ExampleTool_Access() {
	for _, raw := range []string{
		`{"name": "list", "annotations": {"readOnlyHint": true}}`,
		`{"name": "add", "annotations": {"destructiveHint": false}}`,
		`{"name": "remove"}`,
	} {
		tool, err := catalog.ParseTool([]byte(raw))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(tool.Name, tool.Access(), tool.Repeatable())
	}
	// Output:
	// list read true
	// add write false
	// remove destructive false
}

func ExampleFilter_Allows() {
	f := catalog.Filter{Include: []string{"get_*", "list_*"}, Exclude: []string{"*_secret*"}}
	for _, tool := range []string{"get_user", "list_secrets", "delete_user"} {
		fmt.Println(tool, f.Allows(tool))
	}
	// Output:
	// get_user true
	// list_secrets false
	// delete_user false
}
