package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

const issueSchema = `{"type":"object","properties":{"owner":{"type":"string","description":"Repository owner"},"body":{"type":"string"},` +
	`"repo":{"type":"string"},"labels":{"type":"array","items":{"type":"string"}},"state":{"type":"string","enum":["open","closed"]},` +
	`"title":{"type":"string"},"options":{"type":"object","properties":{"draft":{"type":"boolean"},"review":{"type":"object","properties":{"by":{}}}}}},` +
	`"required":["owner","repo","title"]}`

func TestSignature(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ properties, want string }{
		// One property each, in the object of the schema.
		{`"s":{"type":"string"},"i":{"type":"integer"},"n":{"type":"number"},"b":{"type":"boolean"}`, `s?, i?: integer, n?: number, b?: boolean`},
		{`"z":{},"a":true,"never":false,"null":{"type":"null"}`, `z?: any, a?: any, null?: null`},
		{`"e":{"enum":["a","b","c","d","e"]}`, `e?: "a"|"b"|"c"|"d"|"e"`},
		{`"e":{"enum":["a","b","c","d","e","f"]}`, `e?: "a"|"b"|"c"|"d"|…`},
		{`"e":{"enum":[1,true,null,"a very long value that goes on and on"]}`, `e?: 1|true|"a very long value that…"`},
		{`"c":{"const":"x"},"d":{"const":12345678901234567890},"e":{"const":{"a":1}}`, `c?: "x", d?: 12345678901234567890, e?: {…}`},
		{`"a":{"type":"array"},"b":{"type":"array","items":{"type":"array","items":{"type":"integer"}}}`, `a?: any[], b?: integer[][]`},
		{`"a":{"type":"array","items":{"enum":["x","y"]}}`, `a?: ("x"|"y")[]`},
		{`"a":{"type":"array","prefixItems":[{"type":"string"},{"type":"number"}]},"b":{"items":[{"type":"string"}]}`, `a?: [string, number], b?: [string]`},
		{`"o":{"type":"object"},"m":{"type":"object","additionalProperties":{"type":"integer"}}`, `o?: object, m?: {[name]: integer}`},
		{`"o":{"type":"object","properties":{"x":{"type":"string"},"y":{"properties":{"z":{}}}},"required":["y"]}`, `o?: {y: {…}, x?}`},
		{`"l":{"type":"array","items":{"type":"object","properties":{"op":{"enum":["add","del"]},"v":{}},"required":["op"]}}`, `l?: {op: "add"|"del", v?: any}[]`},
		{`"u":{"type":["string","null"]},"v":{"anyOf":[{"type":"integer"},{"type":"null"}]},"w":{"type":["integer","string"]}`, `u?, v?: integer, w?: string|integer`},
		{`"u":{"oneOf":[{"type":"string"},{"type":"array","items":{"type":"string"}},{"type":"string"}]}`, `u?: string|string[]`},
		{`"u":{"anyOf":[{"const":1},{"const":2},{"const":3},{"const":4},{"const":5}]}`, `u?: 1|2|3|4|…`},
		{`"r":{"$ref":"#/$defs/color"},"t":{"$ref":"#/$defs/tree"},"x":{"$ref":"http://example.com/x"}`, `r?: "red"|"blue", t?: {children?: {…}[]}, x?: any`},
		{`"a":{"allOf":[{"description":"x"},{"type":"integer"}]}`, `a?: integer`},
		{`"with space":{"type":"string"},"quo\"te":{},"esc\u001b[31mape":{},"naïve":{}`, `"with space"?, "quo\"te"?: any, escape?: any, naïve?: any`},
	} {
		input := json.RawMessage(`{"type":"object","properties":{` + test.properties +
			`},"$defs":{"color":{"enum":["red","blue"]},"tree":{"type":"object","properties":{"children":{"type":"array","items":{"$ref":"#/$defs/tree"}}}}}}`)
		if got, want := Signature("f", input), "f("+test.want+")"; got != want {
			t.Errorf("%s:\n got %s\nwant %s", test.properties, got, want)
		}
	}
}

func TestSignatureOfWholeTools(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ schema, want string }{
		{issueSchema, `f(owner, repo, title, body?, labels?: string[], state?: "open"|"closed", options?: {draft?: boolean, review?: {…}})`},
		{``, `f()`},
		{`{}`, `f()`},
		{`true`, `f()`},
		{`{"type":"object","properties":{}}`, `f()`},
		{`5`, `f(…see describe_tool)`},
		{`{"$ref":"http://example.com/schema.json"}`, `f(…see describe_tool)`},
		{`{"type":"object","required":["undeclared"]}`, `f(undeclared: any)`},
		{`{"properties":{"u":{"type":["string","null"]}},"required":["u"]}`, `f(u: string|null)`},
		{`{"$ref":"#/definitions/args","definitions":{"args":{"properties":{"a":{"type":"string"}},"required":["a"]}}}`, `f(a)`},
		{`{"allOf":[{"properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":{"type":"string"}}}]}`, `f(a, b?)`},
		{`{"properties":{"c":{"type":"string"}},"required":["c"],"oneOf":[{"properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":{"type":"integer"}},"required":["b"]}]}`,
			`f(c, a?, b?: integer)`},
	} {
		var schema json.RawMessage
		if test.schema != "" {
			schema = json.RawMessage(test.schema)
		}
		if got := Signature("f", schema); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.schema, got, test.want)
		}
	}
}

func TestSignatureIsBounded(t *testing.T) {
	t.Parallel()
	var many, wide []string
	for i := range 100 {
		many = append(many, fmt.Sprintf(`"parameter_%d":{"type":"integer"}`, i))
		wide = append(wide, fmt.Sprintf(`"object_%d":{"type":"object","properties":{"a":{},"b":{},"c":{},"d":{},"e":{}}}`, i))
	}
	for _, test := range []struct{ name, properties, prefix, suffix string }{
		{"many", strings.Join(many, ","), "f(parameter_99: integer, parameter_0?: integer, ", ": integer, …)"},
		// Nested members are given up before parameters are.
		{"wide", strings.Join(append(wide[:9:9], many[99]), ","), "f(parameter_99: integer, object_0?: {…}, ", "object_8?: {…})"},
		{"long", `"` + strings.Repeat("x", 1000) + `":{}`, "f(parameter_99: any, \"xxx", "xxx…\"?: any)"},
	} {
		schema := `{"properties":{` + test.properties + `},"required":["parameter_99"]}`
		got := Signature("f", json.RawMessage(schema))
		if n := utf8.RuneCountInString(got); n > maxSignature || !strings.HasPrefix(got, test.prefix) || !strings.HasSuffix(got, test.suffix) {
			t.Errorf("%s: %d characters: %s", test.name, n, got)
		}
	}
	got := Signature(strings.Repeat("n", 500)+"\x1b[31m", json.RawMessage(`{}`))
	if utf8.RuneCountInString(got) > maxSignatureName+2 {
		t.Errorf("the name is not bounded: %s", got)
	}
}

func BenchmarkSignature(b *testing.B) {
	input := json.RawMessage(issueSchema)
	b.ReportAllocs()
	for b.Loop() {
		Signature("create_issue", input)
	}
}

// What a call costs before it is sent.
func BenchmarkCheckArguments(b *testing.B) {
	args := json.RawMessage(`{"owner":"o","repo":"r","title":"a title","labels":["a","b"],"state":"open"}`)
	b.ReportAllocs()
	for b.Loop() {
		s, err := Compile(json.RawMessage(issueSchema))
		if err != nil {
			b.Fatal(err)
		}
		out, _ := s.Coerce(args)
		if err := s.Validate(out); err != nil {
			b.Fatal(err)
		}
	}
}
