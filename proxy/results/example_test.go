package results_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"mcpproxy/proxy/results"
)

// A reply may hold 100 bytes, and the result has more. The reply begins with
// the text and says where the rest is.
func ExampleStore() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	store := results.New(dir, slog.New(slog.DiscardHandler))
	defer store.Close()

	lines := strings.Repeat("a line\\n", 50) + "a needle\\n" + strings.Repeat("a line\\n", 50)
	result := json.RawMessage(`{"content":[{"type":"text","text":"` + lines + `"}],"isError":false}`)
	var id string
	reply := store.Fit(context.Background(), result, 100, func(h results.Handle) string {
		id = h.ID
		fmt.Printf("%d bytes, beginning with %q\n", h.Total, h.Head)
		return "read the rest"
	})
	fmt.Println(len(reply) < len(result), strings.HasSuffix(string(reply), `,"isError":false}`))

	part, err := store.Read(context.Background(), results.Query{ID: id, Grep: "needle"})
	if err != nil {
		panic(err)
	}
	fmt.Printf("%+v\n", *part.Matches)

	_, err = store.Read(context.Background(), results.Query{ID: "r1"})
	fmt.Println(err)
	// Output:
	// 709 bytes, beginning with "a line\na line\na line\na li"
	// true true
	// [{Line:51 Offset:350 Text:a needle}]
	// no stored result "r1"
}
