package results

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// Hosts refuse the whole reply for one member of another type than MCP gives it.
func TestResultsThatHostsRefuse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`[]`:                                                                              "its result is not an object",
		`{"content":"done"}`:                                                              "the content of its result is not a list",
		`{"content":[],"content":["a"]}`:                                                  "the content of its result stands twice",
		`{"content":[],"\u0063ontent":[]}`:                                                "the content of its result stands twice",
		`{"content":null,"content":[]}`:                                                   "the content of its result stands twice",
		`{"content":[],"isError":"true"}`:                                                 "the isError of its result is not true or false",
		`{"content":[],"isError":0}`:                                                      "the isError of its result is not true or false",
		`{"isError":true,"isError":false}`:                                                "the isError of its result stands twice",
		`{"content":[],"_meta":[]}`:                                                       "the _meta of its result is not an object",
		`{"content":[],"_meta":{},"_meta":{}}`:                                            "the _meta of its result stands twice",
		`{"\u0072esultType":"input_required"}`:                                            "its result is not complete",
		`{"resultType":{}}`:                                                               "the resultType of its result is not a string",
		`{"content":["a"]}`:                                                               "block 1 of its result is not an object",
		`{"content":[{"type":"x"},null]}`:                                                 "block 2 of its result is not an object",
		`{"content":[[]]}`:                                                                "block 1 of its result is not an object",
		`{"content":[{"text":"x"}]}`:                                                      "the type of block 1 of its result is missing",
		`{"content":[{"type":7,"text":"x"}]}`:                                             "the type of block 1 of its result is not a string",
		`{"content":[{"type":"x","type":"text","text":"a"}]}`:                             "the type of block 1 of its result stands twice",
		`{"content":[{"type":"text"}]}`:                                                   "the text of block 1 of its result is missing",
		`{"content":[{"type":"text","text":null}]}`:                                       "the text of block 1 of its result is not a string",
		`{"content":[{"type":"\u0074ext","text":{}}]}`:                                    "the text of block 1 of its result is not a string",
		`{"content":[{"type":"text","text":"a","text":"b"}]}`:                             "the text of block 1 of its result stands twice",
		`{"content":[{"type":"text","text":"a","_meta":7}]}`:                              "the _meta of block 1 of its result is not an object",
		`{"content":[{"type":"text","text":"a","annotations":"user"}]}`:                   "the annotations of block 1 of its result is not an object",
		`{"content":[{"type":"image","data":"QQ=="}]}`:                                    "the mimeType of block 1 of its result is missing",
		`{"content":[{"type":"audio","mimeType":"audio/wav"}]}`:                           "the data of block 1 of its result is missing",
		`{"content":[{"type":"resource","resource":"file:///a"}]}`:                        "the resource of block 1 of its result is not an object",
		`{"content":[{"type":"resource","resource":{"text":"a"}}]}`:                       "the uri of the resource of block 1 of its result is missing",
		`{"content":[{"type":"resource","resource":{"uri":"a:","text":null}}]}`:           "the text of the resource of block 1 of its result is missing",
		`{"content":[{"type":"resource","resource":{"uri":"a:","text":"a","text":"b"}}]}`: "the text of the resource of block 1 of its result stands twice",
		`{"content":[{"type":"resource_link","uri":"a:"}]}`:                               "the name of block 1 of its result is missing",
		`{"content":[{"type":"resource_link","uri":"a:","name":"a","size":"9"}]}`:         "the size of block 1 of its result is not a number",
	} {
		_, err := Accept(t.Context(), json.RawMessage(in))
		if shape, ok := errors.AsType[*ShapeError](err); !ok || shape.Problem != want {
			t.Errorf("%s:\n got %v\nwant %s", in, err, want)
		}
	}
}

// What hosts read passes as it came, unknown types of blocks included.
func TestResultsThatPass(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		oddResult, prettyResult, ` { "content" : [ ] , "isError" : true } `,
		`{"content":[{"type":"hologram","text":7,"_meta":"x","resource":{"mimeType":null}}]}`,
		`{"resultType":"complete","content":[],"structuredContent":{"a":null},"a":1,"a":2}`,
		`{"content":[{"type":"resource","resource":{"uri":"a:","blob":"QQ=="}},{"type":"resource_link","uri":"a:","name":"n","size":1e3}]}`,
	} {
		got, err := Accept(t.Context(), json.RawMessage(in))
		if err != nil || got.Notes != nil || got.Unstructured || string(got.JSON) != in {
			t.Errorf("%s\n became %+v, %v", in, got, err)
		}
	}
}

// Structured content may be any value since MCP 2026-07-28. For hosts before that
// it is left out, and its text is not lost.
func TestStructuredContentOfAnyType(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"content":[],"structuredContent":[1, "a"],"isError":false}`:      `{"content":[{"type":"text","text":"[1, \"a\"]"}],"isError":false}`,
		`{"structuredContent":"x","content":[ ]}`:                          `{"content":[{"type":"text","text":"\"x\""}]}`,
		`{"content":[{"type":"text","text":"1"}],"structuredContent":1.0}`: `{"content":[{"type":"text","text":"1"}]}`,
	} {
		got, err := Accept(t.Context(), json.RawMessage(in))
		if err != nil || !got.Unstructured || string(got.JSON) != in {
			t.Errorf("%s\n became %+v, %v", in, got, err)
		}
		if out := WithoutStructure(got.JSON); string(out) != want {
			t.Errorf("%s\n got %s\nwant %s", in, out, want)
		}
	}
}

// Programs write null for what they leave out.
func TestNullsAreLeftOut(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{}`:                              `{"content":[]}`,
		`{"content":null}`:                `{"content":[]}`,
		` {"structuredContent":{"a":1} }`: `{"content":[],"structuredContent":{"a":1}}`,
		`{"_meta":null, "content": [ ] ,"isError":null,"structuredContent":null,"resultType":null,"x":null}`:                    `{"content":[],"x":null}`,
		`{"content":[{"type":"text","text":"a","annotations":null,"_meta":null,"x":null},{"type":"hologram","_meta":null}]}`:    `{"content":[{"type":"text","text":"a","x":null},{"type":"hologram","_meta":null}]}`,
		`{"content":[{"type":"resource","resource":{"uri":"a:","text":null,"blob":"QQ==","mimeType":null}}],"n":1.0}`:           `{"content":[{"type":"resource","resource":{"uri":"a:","blob":"QQ=="}}],"n":1.0}`,
		`{"content":[{"type":"resource_link","uri":"a:","name":"n","title":null,"description":null,"size":null,"icons":null}]}`: `{"content":[{"type":"resource_link","uri":"a:","name":"n"}]}`,
	} {
		got, err := Accept(t.Context(), json.RawMessage(in))
		if err != nil || len(got.Notes) == 0 || string(got.JSON) != want {
			t.Errorf("%s:\n got %+v, %v\nwant %s", in, got, err, want)
		}
	}
}

func TestAcceptEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	many := `{"content":[` + strings.Repeat(`{"type":"x"},`, 2*lookEvery) + `{"type":"x"}]}`
	if _, err := Accept(ctx, json.RawMessage(many)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// What is accepted is so again, and is a result as encoding/json reads it.
func FuzzAccept(f *testing.F) {
	for _, seed := range []string{
		oddResult, prettyResult, `{}`, `{"content":null,"_meta":null}`, `{"content":[{"type":"\u0074ext","text":"a","_meta":null},[]]}`,
		`{"content":[{"type":"resource","resource":{"uri":"a:","text":null,"blob":"QQ=="}}],"isError":null}`, `{"content":[],"content":[]}`,
		`{"structuredContent":["a"],"content":[ ]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := Accept(t.Context(), bytes.Clone(in))
		if err != nil || !json.Valid(in) {
			return
		}
		out := got.JSON
		if got.Unstructured {
			out = WithoutStructure(out)
		}
		var r map[string]json.RawMessage
		if err := json.Unmarshal(out, &r); err != nil {
			t.Fatalf("%q became %q: %v", in, out, err)
		}
		for name, target := range map[string]any{
			"content": new([]map[string]json.RawMessage), "structuredContent": new(map[string]json.RawMessage),
			"_meta": new(map[string]json.RawMessage), "isError": new(bool),
		} {
			if value := r[name]; value != nil && json.Unmarshal(value, target) != nil || string(value) == "null" {
				t.Errorf("%q became %q", in, out)
			}
		}
		if again, err := Accept(t.Context(), out); err != nil || again.Notes != nil || again.Unstructured || string(again.JSON) != string(out) {
			t.Errorf("%q became %q, which becomes %+v, %v", in, out, again, err)
		}
		if r["content"] == nil {
			t.Errorf("%q became %q", in, out)
		}
	})
}
