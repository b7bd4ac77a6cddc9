package schema_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"mcpproxy/catalog/schema"
)

const coerceSchema = `{"type":"object","properties":{
	"text":{"type":"string"},"count":{"type":"integer"},"ratio":{"type":"number"},"flag":{"type":"boolean"},
	"list":{"type":"array","items":{"type":"integer"}},"object":{"type":"object","properties":{"inner_list":{"type":"array","items":{"type":"string"}}}},
	"maybe":{"anyOf":[{"type":"string"},{"type":"null"}]},"maybe_count":{"type":["integer","null"]},
	"text_or_list":{"anyOf":[{"type":"string"},{"type":"array"}]},"list_or_object":{"type":["array","object"]},
	"level":{"enum":[1,2]},"name":{"enum":["1","2"]},"any":{},"tree":{"$ref":"#/$defs/tree"},
	"strict":{"type":"object","properties":{"aB":{"type":"integer"},"a_b":{"type":"string"},"repo_name":{"type":"string"}},"additionalProperties":false},
	"headers":{"type":"object","properties":{"content_type":{"type":"string"}},"additionalProperties":{"type":"string"}}},
	"$defs":{"tree":{"type":"object","properties":{"size":{"type":"integer"},"children":{"type":"array","items":{"$ref":"#/$defs/tree"}}}}}}`

func TestCoerce(t *testing.T) {
	t.Parallel()
	s, err := schema.Compile(json.RawMessage(coerceSchema))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args, want string // want "" is untouched
		notes      []string
	}{
		// A string where something else is wanted.
		{`{"count":"5"}`, `{"count":5}`, []string{"count: read the string as an integer"}},
		{`{"count":"12345678901234567890"}`, `{"count":12345678901234567890}`, []string{"count: read the string as an integer"}},
		{`{"count":"5.5"}`, "", nil},
		{`{"count":"five"}`, "", nil},
		{`{"count":" 5"}`, "", nil},
		{`{"count":""}`, "", nil},
		{`{"ratio":"1.50"}`, `{"ratio":1.50}`, []string{"ratio: read the string as a number with a fraction"}},
		{`{"ratio":"0x10"}`, "", nil},
		{`{"flag":"true"}`, `{"flag":true}`, []string{"flag: read the string as a boolean"}},
		{`{"flag":"True"}`, "", nil},
		{`{"flag":"yes"}`, "", nil},
		{`{"flag":1}`, "", nil},
		{`{"list":"[1, 2]"}`, `{"list":[1, 2]}`, []string{"list: read the string as an array"}},
		{`{"list":" [1,\"2\"] "}`, `{"list":[1,2]}`, []string{"list: read the string as an array", "list[1]: read the string as an integer"}},
		{`{"list":"1,2"}`, "", nil},
		{`{"list":5}`, "", nil},
		{`{"list":["1",2,"x"]}`, `{"list":[1,2,"x"]}`, []string{"list[0]: read the string as an integer"}},
		{`{"object":"{\"inner_list\":\"[\\\"a\\\"]\"}"}`, `{"object":{"inner_list":["a"]}}`,
			[]string{"object: read the string as an object", "object.inner_list: read the string as an array"}},
		{`{"object":"[1]"}`, "", nil},
		{`{"object":"null"}`, "", nil},
		{`{"object":"\"{}\""}`, "", nil},
		{`{"level":"2"}`, `{"level":2}`, []string{"level: read the string as an integer"}},
		// Something else where a string is wanted.
		{`{"text":5}`, `{"text":"5"}`, []string{"text: wrote an integer as a string"}},
		{`{"text":1.50}`, `{"text":"1.50"}`, []string{"text: wrote a number with a fraction as a string"}},
		{`{"text":true}`, `{"text":"true"}`, []string{"text: wrote a boolean as a string"}},
		{`{"text":{"b": 1,"a":"<é>"}}`, `{"text":"{\"b\": 1,\"a\":\"<é>\"}"}`, []string{"text: wrote an object as a string"}},
		{`{"text":[]}`, `{"text":"[]"}`, []string{"text: wrote an array as a string"}},
		{`{"name":1}`, `{"name":"1"}`, []string{"name: wrote an integer as a string"}},
		{`{"maybe":5}`, `{"maybe":"5"}`, []string{"maybe: wrote an integer as a string"}},
		// A string where a string is allowed, null, and what is ambiguous.
		{`{"text":"5"}`, "", nil},
		{`{"text":"{\"a\":1}"}`, "", nil},
		{`{"text":null}`, "", nil},
		{`{"maybe":"null"}`, "", nil},
		{`{"maybe_count":"null"}`, "", nil},
		{`{"maybe_count":"5"}`, `{"maybe_count":5}`, []string{"maybe_count: read the string as an integer"}},
		{`{"text_or_list":"[1]"}`, "", nil},
		{`{"text_or_list":5}`, "", nil},
		{`{"list_or_object":"[1]"}`, `{"list_or_object":[1]}`, []string{"list_or_object: read the string as an array"}},
		{`{"any":"5","unknown":"6"}`, "", nil},
		// Inside, and by reference.
		{`{"tree":{"children":[{"size":"1"},{"children":"[{\"size\":\"2\"}]"}]}}`, `{"tree":{"children":[{"size":1},{"children":[{"size":2}]}]}}`,
			[]string{"tree.children[0].size: read the string as an integer", "tree.children[1].children: read the string as an array", "tree.children[1].children[0].size: read the string as an integer"}},
		// Names.
		{`{ "Count" : "5" }`, `{ "count" : 5 }`, []string{`arguments: took "Count" for "count"`, "count: read the string as an integer"}},
		{`{"textOrList":[],"maybe-count":1}`, `{"text_or_list":[],"maybe_count":1}`, []string{`arguments: took "textOrList" for "text_or_list"`, `arguments: took "maybe-count" for "maybe_count"`}},
		{`{"Count":"5","count":6}`, "", nil},
		{`{"Count":5,"COUNT":6}`, "", nil},
		{`{"conut":5}`, "", nil},
		{`{"strict":{"ab":1}}`, "", nil},
		{`{"strict":{"repoName":"x"}}`, `{"strict":{"repo_name":"x"}}`, []string{`strict: took "repoName" for "repo_name"`}},
		{`{"headers":{"Content-Type":"x","X":5}}`, `{"headers":{"Content-Type":"x","X":"5"}}`, []string{"headers.X: wrote an integer as a string"}},
		// Everything else stays as it is.
		{`{ "count" : "1",  "z":1.0e5, "a":"\u0041", "a":[ ] }`, `{ "count" : 1,  "z":1.0e5, "a":"\u0041", "a":[ ] }`, []string{"count: read the string as an integer"}},
		{`"{\"count\":1}"`, `{"count":1}`, []string{"arguments: read the string as an object"}},
		{`null`, "", nil},
		{`{`, "", nil},
		{``, "", nil},
	} {
		want := test.want
		if want == "" {
			want = test.args
		}
		got, notes := s.Coerce(json.RawMessage(test.args))
		if string(got) != want || !reflect.DeepEqual(notes, test.notes) {
			t.Errorf("%s:\n got %s %q\nwant %s %q", test.args, got, notes, want, test.notes)
		}
	}
}

func TestCoerceThroughUnionsAndParts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ schema, args, want string }{
		{`{"allOf":[{"properties":{"a":{"type":"integer"}}},{"properties":{"b":{"type":"string"}}}]}`, `{"a":"1","b":2}`, `{"a":1,"b":"2"}`},
		{`{"anyOf":[{"type":"object","properties":{"a":{"type":"integer"}}},{"type":"null"}]}`, `{"a":"1"}`, `{"a":1}`},
		// Which of two objects is meant cannot be told.
		{`{"anyOf":[{"type":"object","properties":{"a":{"type":"integer"}}},{"type":"object","properties":{"a":{"type":"string"}}}]}`, `{"a":"1"}`, `{"a":"1"}`},
		{`{"properties":{"a_b":{}},"anyOf":[{"properties":{"aB":{}}},{"properties":{"c":{}}}]}`, `{"aB":1}`, `{"aB":1}`},
		{`{"properties":{"a":{"type":"integer","anyOf":[{"minimum":1},{"maximum":-1}]}}}`, `{"a":"1"}`, `{"a":1}`},
		// Valid as it is, and not after renaming.
		{`{"properties":{"a_b":{"type":"integer"}}}`, `{"aB":[]}`, `{"aB":[]}`},
		{`{"prefixItems":[{"type":"integer"}],"items":{"type":"boolean"}}`, `["1","true"]`, `[1,true]`},
		{`{"patternProperties":{"^n_":{"type":"integer"}}}`, `{"n_x":"1","m":"1"}`, `{"n_x":1,"m":"1"}`},
		{`{"$ref":"elsewhere","properties":{"a_b":{"type":"integer"}}}`, `{"aB":1,"a_b":"1"}`, `{"aB":1,"a_b":1}`},
		{`{"properties":{"a":{"$ref":"elsewhere"}}}`, `{"a":"1"}`, `{"a":"1"}`},
	} {
		s, err := schema.Compile(json.RawMessage(test.schema))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := s.Coerce(json.RawMessage(test.args)); string(got) != test.want {
			t.Errorf("%s: %s became %s, want %s", test.schema, test.args, got, test.want)
		}
	}
}

func TestCoerceBoundsItsNotes(t *testing.T) {
	t.Parallel()
	s, err := schema.Compile(json.RawMessage(`{"items":{"type":"integer"}}`))
	if err != nil {
		t.Fatal(err)
	}
	got, notes := s.Coerce(json.RawMessage(`[` + strings.Repeat(`"1",`, 99) + `"1"]`))
	if string(got) != `[`+strings.Repeat(`1,`, 99)+`1]` {
		t.Errorf("got %s", got)
	}
	if len(notes) != 9 || notes[8] != "and 92 more repairs" {
		t.Errorf("notes are %q", notes)
	}
}

// Whatever arrives: JSON stays JSON, no note means no change, what was valid
// stays valid, and a second run finds nothing left to do.
func FuzzCoerce(f *testing.F) {
	f.Add([]byte(coerceSchema), []byte(`{"count":"5","object":"{\"inner_list\":\"[1]\"}","maybe-count":"7"}`))
	f.Add([]byte(`{"items":{"type":"string"}}`), []byte(`[1,{"a":"b"},null,"x"]`))
	f.Fuzz(func(t *testing.T, document, args []byte) {
		s, err := schema.Compile(document)
		if err != nil {
			return
		}
		before := bytes.Clone(args)
		out, notes := s.Coerce(args)
		switch {
		case !bytes.Equal(args, before):
			t.Fatal("the arguments were changed in place")
		case len(notes) == 0 && !bytes.Equal(out, args):
			t.Fatalf("%s silently became %s", args, out)
		case json.Valid(args) && !json.Valid(out), s.Validate(args) == nil && s.Validate(out) != nil:
			t.Fatalf("%s became %s", args, out)
		}
		if again, notes := s.Coerce(out); len(notes) > 0 {
			t.Fatalf("%s became %s and then %s", args, out, again)
		}
	})
}
