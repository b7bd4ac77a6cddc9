package clean_test

import (
	"fmt"

	"mcpproxy/catalog/clean"
)

// A tool's description with an escape sequence and characters that nobody sees.
func ExampleText() {
	text, flagged := clean.Text("Lists files.\x1b[8m\n\n\n\nTakes a \u2066path.\U000e0041", 0)
	fmt.Printf("%q\n%v\n", text, flagged)
	// Output:
	// "Lists files.\n\nTakes a path."
	// true
}

func ExampleLine() {
	fmt.Println(clean.Line("Lists\tfiles,\n  also hidden ones", 20))
	// Output: Lists files, also h…
}

func ExampleFirstSentence() {
	fmt.Println(clean.FirstSentence("# Files\n\nReads files, e.g. text. Writes them too.", 100))
	// Output: Reads files, e.g. text.
}
