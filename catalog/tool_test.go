package catalog

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"mcpproxy/catalog/rawjson"
)

func TestParseTool(t *testing.T) {
	t.Parallel()
	raw := json.RawMessage(`{"name":"read","title":"Read","description":"Reads \"it\".","inputSchema": {"z":1, "a":2} ,"outputSchema":null,` +
		`"annotations":{"readOnlyHint":true,"title":"other"},"_meta":{"x":9007199254740993}}`)
	tool, err := ParseTool(raw)
	if err != nil {
		t.Fatal(err)
	}
	want := Tool{
		Name: "read", Title: "Read", Description: `Reads "it".`, InputSchema: json.RawMessage(`{"z":1, "a":2}`),
		Annotations: json.RawMessage(`{"readOnlyHint":true,"title":"other"}`), Raw: raw,
	}
	yes := true
	want.hints.readOnly = &yes
	if !reflect.DeepEqual(tool, want) {
		t.Errorf("got  %+v\nwant %+v", tool, want)
	}
}

func TestParseToolIsExactAboutNamesAndLenientAboutTypes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		raw  string
		want Tool // Raw apart
		err  error
	}{
		{raw: `{"Name":"x"}`, err: errNoName},
		{raw: `{"name":""}`, err: errNoName},
		{raw: `{"name":5}`, err: errNoName},
		{raw: `{}`, err: errNoName},
		{raw: `[]`, err: errNoDescriptor},
		{raw: `"name"`, err: errNoDescriptor},
		{raw: ``, err: errNoDescriptor},
		{raw: `{"name":"x"`, err: errNoDescriptor},
		{raw: `{"name":"x"} {}`, err: errNoDescriptor},
		{raw: strings.Repeat(`[`, 100_000), err: errNoDescriptor},
		{raw: `{"name":"a","name":"b"}`, want: Tool{Name: "b"}},
		{raw: `{"n\u0061me":"a"}`, want: Tool{Name: "a"}},
		{raw: `{"name":"a","title":7,"description":["x"],"inputSchema":5,"Description":"no"}`, want: Tool{Name: "a", InputSchema: json.RawMessage(`5`)}},
		{raw: `{"name":"a","annotations":"none"}`, want: Tool{Name: "a", Annotations: json.RawMessage(`"none"`)}},
		{raw: `{"name":"a","annotations":{"title":"T","READONLYHINT":true,"destructiveHint":"no"}}`,
			want: Tool{Name: "a", Title: "T", Annotations: json.RawMessage(`{"title":"T","READONLYHINT":true,"destructiveHint":"no"}`)}},
	} {
		got, err := ParseTool(json.RawMessage(test.raw))
		if err != test.err {
			t.Errorf("%.60s: error is %v, want %v", test.raw, err, test.err)
			continue
		}
		got.Raw = nil
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", test.raw, got, test.want)
		}
	}
}

func TestAccess(t *testing.T) {
	t.Parallel()
	for annotations, want := range map[string]struct {
		access     Access
		repeatable bool
	}{
		`null`:                    {Destructive, false},
		`{}`:                      {Destructive, false},
		`{"readOnlyHint":true}`:   {Read, true},
		`{"readOnlyHint":false}`:  {Destructive, false},
		`{"readOnlyHint":"true"}`: {Destructive, false},
		`{"destructiveHint":false,"idempotentHint":true}`: {Write, true},
		`{"destructiveHint":true}`:                        {Destructive, false},
	} {
		tool, err := ParseTool(json.RawMessage(`{"name":"x","annotations":` + annotations + `}`))
		if err != nil {
			t.Fatal(err)
		}
		if tool.Access() != want.access || tool.Repeatable() != want.repeatable {
			t.Errorf("%s: %s, repeatable %v", annotations, tool.Access(), tool.Repeatable())
		}
	}
}

// FuzzParseTool holds the reader of members against encoding/json.
func FuzzParseTool(f *testing.F) {
	f.Add([]byte(`{"name":"x","inputSchema":{"a":[1,{"b":"c\"}"}]},"annotations":{"readOnlyHint":true}}`))
	f.Add([]byte("{\"name\":\"\xff\\ud800\",\"n\":-1.5e+3}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		tool, err := ParseTool(raw)
		members := make(map[string]json.RawMessage)
		if json.Unmarshal(raw, &members) != nil {
			if err == nil {
				t.Fatalf("accepted %q", raw)
			}
			return
		}
		var name string
		if json.Unmarshal(members["name"], &name) != nil {
			name = ""
		}
		if (name == "") != (err != nil) || name != tool.Name {
			t.Fatalf("name is %q, want %q; error is %v", tool.Name, name, err)
		}
		schema := members["inputSchema"]
		if string(schema) == "null" {
			schema = nil
		}
		if err == nil && string(schema) != string(tool.InputSchema) {
			t.Fatalf("schema is %q, want %q", tool.InputSchema, schema)
		}
		_ = tool.Signature()
		if v, ok := rawjson.Parse(raw, 1000); ok && string(v.Raw) != strings.Trim(string(raw), " \t\r\n") {
			t.Fatalf("%q was read as %q", raw, v.Raw)
		}
	})
}
