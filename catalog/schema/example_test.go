package schema_test

import (
	"errors"
	"fmt"

	"mcpproxy/catalog/schema"
)

var createIssue = []byte(`{
	"type": "object",
	"properties": {
		"repo":   {"type": "string"},
		"title":  {"type": "string"},
		"labels": {"type": "array", "items": {"type": "string"}},
		"state":  {"enum": ["open", "closed"]}
	},
	"required": ["repo", "title"]
}`)

func ExampleSchema_Validate() {
	s, err := schema.Compile(createIssue)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = s.Validate([]byte(`{"repo": "a/b", "title": "x", "labels": ["bug", 7]}`))
	if wrong, ok := errors.AsType[*schema.ArgumentError](err); ok {
		fmt.Println("at", wrong.Path)
		fmt.Println("problem:", wrong.Problem)
	}
	fmt.Println(s.Validate([]byte(`{"repo": "a/b", "title": "x", "state": "opened"}`)))
	// Output:
	// at labels[1]
	// problem: an integer, string wanted
	// state: "opened" is not one of "open", "closed", did you mean "open"?
}

// Programs write null for an argument that they leave out.
func ExampleSchema_ValidateArguments() {
	s, _ := schema.Compile(createIssue)
	args := []byte(`{"repo": "a/b", "title": "x", "state": null}`)
	fmt.Println(s.Validate(args))
	fmt.Println(s.ValidateArguments(args))
	// Output:
	// state: null is not one of "open", "closed"
	// <nil>
}

// What needs no repair keeps its bytes.
func ExampleSchema_Coerce() {
	s, _ := schema.Compile(createIssue)
	out, notes := s.Coerce([]byte(`{"Repo": "a/b",  "title": 7, "labels": "[\"bug\"]"}`))
	fmt.Printf("%s\n", out)
	for _, note := range notes {
		fmt.Println(note)
	}
	// Output:
	// {"repo": "a/b",  "title": "7", "labels": ["bug"]}
	// arguments: took "Repo" for "repo"
	// title: wrote an integer as a string
	// labels: read the string as an array
}

// Only a schema that cannot be read at all is an error. What it cannot decide,
// a schema allows.
func ExampleCompile() {
	_, err := schema.Compile([]byte(`[]`))
	fmt.Println(err)
	elsewhere, _ := schema.Compile([]byte(`{"$ref": "https://example.com/schema.json"}`))
	fmt.Println(elsewhere.Validate([]byte(`{"any": "thing"}`)))
	// Output:
	// schema is neither an object nor a boolean
	// <nil>
}

func ExampleSignature() {
	fmt.Println(schema.Signature("create_issue", createIssue))
	// Output: create_issue(repo, title, labels?: string[], state?: "open"|"closed")
}
