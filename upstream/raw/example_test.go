package raw_test

import (
	"fmt"
	"os"

	"mcpproxy/upstream/raw"
)

// A result is taken apart without touching the digits in it.
func ExampleMembers() {
	result := []byte(`{"isError": false, "structuredContent": {"id": 12345678901234567890}}`)
	for key, at := range raw.Members(result) {
		fmt.Printf("%s is %s\n", key, at.In(result))
	}
	// Output:
	// "isError" is false
	// "structuredContent" is {"id": 12345678901234567890}
}

func ExampleElements() {
	content := []byte(`[{"type":"text"}, {"type":"image"}]`)
	for at := range raw.Elements(content) {
		fmt.Printf("%s at %d\n", raw.Member(at.In(content), "type"), at.Start)
	}
	// Output:
	// "text" at 1
	// "image" at 18
}

// A member's value is replaced where it stands.
func ExampleFind() {
	params := []byte(`{"progressToken":"raw-7","progress":1.50}`)
	if start, end := raw.Find(params, "progressToken"); start >= 0 {
		fmt.Printf("%s%s%s\n", params[:start], `"host-3"`, params[end:])
	}
	// Output: {"progressToken":"host-3","progress":1.50}
}

func ExampleSplice() {
	fmt.Printf("%s\n", raw.Splice([]byte(`{"content":[]}`), `"resultType":"complete"`))
	// Output: {"resultType":"complete","content":[]}
}

// What is in _meta already is left as it is.
func ExampleSpliceMeta() {
	result := []byte(`{"content":[], "_meta":{"note":"theirs"}}`)
	fmt.Printf("%s\n", raw.SpliceMeta(result, map[string]string{"note": `"ours"`, "took": "12"}))
	// Output: {"content":[], "_meta":{"took":12,"note":"theirs"}}
}

func ExampleOneLine() {
	line, err := raw.OneLine([]byte("{\n  \"a\": \"one\\ntwo\"\n}"))
	fmt.Printf("%s %v\n", line, err)
	// Output: {"a":"one\ntwo"} <nil>
}

func ExampleUnescape() {
	raw.Unescape(os.Stdout, []byte(`"caf\u00e9 \ud83d\ude00"`))
	// Output: café 😀
}
