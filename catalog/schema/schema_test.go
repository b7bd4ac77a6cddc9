package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"mcpproxy/catalog/rawjson"
)

// beyond names the parts of the JSON Schema Test Suite that lie outside what
// is evaluated: everything must be allowed there, since the upstream decides.
var beyond = []string{
	"refRemote.json",  // nothing is read from outside the document
	"dynamicRef.json", // followed inside one resource only
	"ref.json: remote ref, containing refs itself",
	"definitions.json: validate definition against metaschema",
	"defs.json: validate definition against metaschema",
	"unevaluatedItems.json: unevaluatedItems with $dynamicRef",
	"unevaluatedProperties.json: unevaluatedProperties with $dynamicRef",
}

// suite yields the official JSON Schema Test Suite, from the copy that
// google/jsonschema-go carries. Its draft-07 files leave $schema out.
func suite(t testing.TB, run func(name string, schema, data json.RawMessage, valid bool)) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/google/jsonschema-go").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	root := filepath.Join(strings.TrimSpace(string(out)), "jsonschema", "testdata")
	for draft, head := range map[string]string{
		"draft2020-12": ``,
		"draft7":       `"$schema":"http://json-schema.org/draft-07/schema#",`,
	} {
		files, err := filepath.Glob(filepath.Join(root, draft, "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no test suite in %s", filepath.Join(root, draft))
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var groups []struct {
				Description string
				Schema      json.RawMessage
				Tests       []struct {
					Description string
					Data        json.RawMessage
					Valid       bool
				}
			}
			if err := json.Unmarshal(data, &groups); err != nil {
				t.Fatal(err)
			}
			for _, g := range groups {
				schema := g.Schema
				if head != "" && schema[0] == '{' && len(schema) > len("{}") {
					schema = append([]byte("{"+head), schema[1:]...)
				}
				for _, test := range g.Tests {
					run(fmt.Sprintf("%s/%s: %s: %s", draft, filepath.Base(file), g.Description, test.Description), schema, test.Data, test.Valid)
				}
			}
		}
	}
}

func TestSuite(t *testing.T) {
	t.Parallel()
	suite(t, func(name string, schema, data json.RawMessage, valid bool) {
		s, err := Compile(schema)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		err = s.Validate(data)
		if err != nil && valid {
			t.Errorf("%s: refused: %v", name, err)
		}
		if err == nil && !valid {
			for _, b := range beyond {
				_, file, _ := strings.Cut(name, "/")
				if strings.HasPrefix(file, b) {
					return
				}
			}
			t.Errorf("%s: allowed", name)
		}
		if out, notes := s.Coerce(data); valid && string(out) != string(data) && s.Validate(out) != nil {
			t.Errorf("%s: valid %s was repaired to invalid %s (%q)", name, data, out, notes)
		}
	})
}

func TestValidateExplains(t *testing.T) {
	t.Parallel()
	const issue = `{"type":"object","properties":{
		"owner":{"type":"string"},"title":{"type":"string","minLength":3,"maxLength":5},
		"state":{"enum":["open","closed"]},"labels":{"type":"array","items":{"type":"string"},"maxItems":2},
		"count":{"type":"integer","minimum":1,"maximum":9},"options":{"type":"object","properties":{"a b":{"type":"boolean"}}},
		"who":{"anyOf":[{"type":"string"},{"type":"null"}]},
		"pick":{"oneOf":[{"type":"object","properties":{"kind":{"const":"a"},"n":{"type":"integer"}},"required":["kind"]},
		                 {"type":"object","properties":{"kind":{"const":"b"},"n":{"type":"string"}},"required":["kind"]}]},
		"code":{"type":"string","pattern":"^[A-Z]+$"},"exact":{"const":12345678901234567890}},
		"required":["owner"],"additionalProperties":false}`
	s, err := Compile(json.RawMessage(issue))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ args, path, problem string }{
		{`{"owner":"o","title":"abc","exact":12345678901234567890}`, "", ""},
		{`{`, "", "not valid JSON"},
		{`[]`, "", "an array, object wanted"},
		{`{}`, "", `missing required property "owner"`},
		{`{"Ownr":"x"}`, "", `missing required property "owner" (is "Ownr" meant as "owner"?)`},
		{`{"owner":5}`, "owner", "an integer, string wanted"},
		{`{"owner":null}`, "owner", "null, string wanted"},
		{`{"owner":"o","titel":"x"}`, "", `unknown property "titel", did you mean "title"?`},
		{`{"owner":"o","zzz":1}`, "", `unknown property "zzz"; known are "owner", "title", "state", "labels", "count", "options", "who", "pick", "code", "exact"`},
		{`{"owner":"o","title":"ab"}`, "title", "2 characters long, at least 3 wanted"},
		{`{"owner":"o","title":"äöüßéñ"}`, "title", "6 characters long, at most 5 wanted"},
		{`{"owner":"o","state":"opne"}`, "state", `"opne" is not one of "open", "closed", did you mean "open"?`},
		{`{"owner":"o","labels":["a",1.5]}`, "labels[1]", "a number with a fraction, string wanted"},
		{`{"owner":"o","labels":["a","b","c"]}`, "labels", "3 items, at most 2 wanted"},
		{`{"owner":"o","count":0}`, "count", "0 is less than the minimum of 1"},
		{`{"owner":"o","count":10}`, "count", "10 is more than the maximum of 9"},
		{`{"owner":"o","count":1.5}`, "count", "a number with a fraction, integer wanted"},
		{`{"owner":"o","options":{"a b":"x"}}`, `options["a b"]`, "a string, boolean wanted"},
		{`{"owner":"o","who":1}`, "who", "an integer, string or null wanted"},
		{`{"owner":"o","pick":{"kind":"b","n":1}}`, "pick.n", "an integer, string wanted"},
		{`{"owner":"o","pick":{"kind":"c"}}`, "pick.kind", `"c" is not "a"`},
		{`{"owner":"o","code":"x"}`, "code", `"x" does not match the pattern ^[A-Z]+$`},
		{`{"owner":"o","exact":12345678901234567891}`, "exact", `12345678901234567891 is not 12345678901234567890`},
	} {
		err := s.Validate(json.RawMessage(test.args))
		if test.problem == "" {
			if err != nil {
				t.Errorf("%s: %v", test.args, err)
			}
			continue
		}
		a, ok := errors.AsType[*ArgumentError](err)
		if !ok {
			t.Errorf("%s: error is %v", test.args, err)
			continue
		}
		if a.Path != test.path || a.Problem != test.problem {
			t.Errorf("%s:\n got %q: %s\nwant %q: %s", test.args, a.Path, a.Problem, test.path, test.problem)
		}
	}
}

// What cannot be evaluated allows everything.
func TestValidateLeavesDoubtsToTheUpstream(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ schema, args string }{
		{`{"$ref":"https://example.com/schema.json"}`, `1`},
		{`{"$ref":"#/nowhere"}`, `1`},
		{`{"$ref":"%zz"}`, `1`},
		{`{"$ref":"#"}`, `1`},
		{`{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}`, `{}`},
		{`{"pattern":"(?=look)ahead"}`, `"x"`},
		{`{"not":{"pattern":"(?=look)ahead"}}`, `"x"`},
		{`{"oneOf":[{"pattern":"(?=x)"},{"type":"string"}]}`, `"x"`},
		{`{"if":{"pattern":"(?=x)"},"then":false,"else":false}`, `"x"`},
		{`{"patternProperties":{"(?=x)":false},"additionalProperties":false}`, `{"x":1}`},
		{`{"contains":{"pattern":"(?=x)"},"maxContains":1}`, `["x","y"]`},
		{`{"unevaluatedProperties":false,"$ref":"elsewhere"}`, `{"x":1}`},
		{`{"type":"file"}`, `1`},
		{`{"required":true,"minLength":"3","properties":[],"enum":5,"items":7,"anyOf":[]}`, `{"a":1}`},
		{`{"multipleOf":0}`, `5`},
		{`{"multipleOf":0.01}`, `4.35`},
		{`{"minimum":3,"exclusiveMinimum":false}`, `3`},
		{`{"type":"string","nullable":true}`, `null`},
		{`{"enum":[1.0]}`, `1`},
		{`{"type":"integer"}`, `1e400`},
		{`{"type":"integer","maximum":1e999999999}`, `12e999999998`},
	} {
		s, err := Compile(json.RawMessage(test.schema))
		if err != nil {
			t.Errorf("%s: %v", test.schema, err)
			continue
		}
		if err := s.Validate(json.RawMessage(test.args)); err != nil {
			t.Errorf("%s refuses %s: %v", test.schema, test.args, err)
		}
	}
}

func TestDraft04ExclusiveMinimum(t *testing.T) {
	t.Parallel()
	s, err := Compile(json.RawMessage(`{"minimum":3,"exclusiveMinimum":true}`))
	if err != nil {
		t.Fatal(err)
	}
	if s.Validate(json.RawMessage(`3`)) == nil || s.Validate(json.RawMessage(`4`)) != nil {
		t.Error("exclusiveMinimum: true does not make the minimum exclusive")
	}
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]error{
		``:       errSchemaJSON,
		`{"a":}`: errSchemaJSON,
		`[]`:     errSchemaShape,
		`"s"`:    errSchemaShape,
		`null`:   errSchemaShape,
		`{"description":"` + strings.Repeat("x", maxSchemaBytes) + `"}`: errSchemaSize,
	} {
		if _, err := Compile(json.RawMessage(schema)); !errors.Is(err, want) {
			t.Errorf("%.40s: error is %v, want %v", schema, err, want)
		}
	}
}

// bombs are schemas that cost an evaluator without bounds exponential time or an
// endless stack.
func bombs() map[string]string {
	doubling := `{"$ref":"#/$defs/a0","$defs":{`
	for i := range 64 {
		doubling += fmt.Sprintf(`"a%d":{"anyOf":[{"allOf":[{"$ref":"#/$defs/a%d"},{"$ref":"#/$defs/a%d"}]},false]},`, i, i+1, i+1)
	}
	doubling += `"a64":{"type":"integer"}}}`
	return map[string]string{
		"doubling": doubling,
		"cycle":    `{"allOf":[{"$ref":"#"},{"$ref":"#"}],"oneOf":[{"$ref":"#"},{"$ref":"#"}]}`,
		"nesting":  strings.Repeat(`{"not":`, 9_000) + `true` + strings.Repeat(`}`, 9_000),
		"wide":     `{"anyOf":[` + strings.Repeat(`{"type":"null"},`, 50_000) + `{"type":"string"}]}`,
		"unique":   `{"uniqueItems":true,"items":{"$ref":"#"}}`,
		"pattern":  `{"items":{"pattern":"((((a{30}){30}){30})|b)*"}}`,
	}
}

func TestBombsAreBounded(t *testing.T) {
	t.Parallel()
	wide := json.RawMessage(`[` + strings.Repeat(`"x",`, 20_000) + `1]`)
	nested := json.RawMessage(strings.Repeat(`{"a":[`, 4_000) + strings.Repeat(`]}`, 4_000))
	for name, schema := range bombs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Compile(json.RawMessage(schema))
			if err != nil {
				t.Fatal(err)
			}
			for _, args := range []json.RawMessage{wide, nested, json.RawMessage(`1`)} {
				e := evaluation{stepsLeft: maxSteps}
				v, _ := rawjson.Parse(args, maxArgumentLevels)
				e.check(s.root, &v, nil, &annotations{})
				// Loops that have begun may each spend once more.
				if e.stepsLeft < -2*maxSteps {
					t.Errorf("made %d steps, %d are allowed", maxSteps-e.stepsLeft, maxSteps)
				}
				s.Coerce(args)
			}
			Signature("t", json.RawMessage(schema))
		})
	}
}

// FuzzSchema compares with another implementation: what it says is valid must
// never be refused. It holds numbers as float64 and cannot stop at cycles of
// references, so schemas with those are only run.
func FuzzSchema(f *testing.F) {
	suite(f, func(_ string, schema, data json.RawMessage, _ bool) { f.Add([]byte(schema), []byte(data)) })
	f.Fuzz(func(t *testing.T, schema, data []byte) {
		s, err := Compile(schema)
		if err != nil {
			return
		}
		refused := s.Validate(data)
		coerced, _ := s.Coerce(data)
		want := s.ValidateArguments(coerced)
		if out, _, err := s.CoerceArguments(data); string(out) != string(coerced) || fmt.Sprint(err) != fmt.Sprint(want) {
			t.Errorf("%s: at once %s, %v; in two steps %s, %v", data, out, err, coerced, want)
		}
		Signature("t", schema)
		if refused == nil || strings.ContainsAny(string(schema)+string(data), `0123456789\`) || strings.Contains(string(schema), "ef\"") {
			return
		}
		var other jsonschema.Schema
		var instance any
		if json.Unmarshal(schema, &other) != nil || json.Unmarshal(data, &instance) != nil {
			return
		}
		resolved, err := other.Resolve(nil)
		if err != nil {
			return
		}
		if resolved.Validate(instance) == nil {
			t.Errorf("%s refuses %s: %v", schema, data, refused)
		}
	})
}

// Of members of one name the last counts, as most readers of JSON have it.
func TestMembersOfOneNameAreComparedOnce(t *testing.T) {
	t.Parallel()
	for schema, fits := range map[string]bool{
		`{"const":{"a":1,"a":2}}`: true, `{"const":{"a":2}}`: true, `{"const":{"a":1}}`: false, `{"const":{"a":2,"b":1}}`: false, `{"enum":[{},{"a":2,"a":2,"a":2}]}`: true,
	} {
		s, err := Compile([]byte(schema))
		if err != nil {
			t.Fatal(err)
		}
		for _, data := range []string{`{"a":2}`, `{"a":7,"a":2}`} {
			if err := s.Validate([]byte(data)); (err == nil) != fits {
				t.Errorf("%s with %s: %v", schema, data, err)
			}
		}
	}
}

func TestNullStandsForAnOptionalArgumentThatIsLeftOut(t *testing.T) {
	t.Parallel()
	s, err := Compile([]byte(`{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"boolean"}},"required":["a"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ValidateArguments([]byte(`{"a":"x","b":null}`)); err != nil {
		t.Errorf("an optional null: %v", err)
	}
	if err := s.ValidateArguments([]byte(`{"a":null}`)); err == nil {
		t.Error("a required null passed")
	}
	if err := s.Validate([]byte(`{"a":"x","b":null}`)); err == nil {
		t.Error("null passed as a boolean by the letter of the schema")
	}
}
