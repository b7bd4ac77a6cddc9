package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// atMost is far more than what each case below takes, and far less than it
// took when nothing bounded it.
const atMost = 2 * time.Minute

// timed runs f, fails if that took too long, and logs what it took.
func timed(t *testing.T, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	f()
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	t.Logf("%v, %d KiB allocated (bound %v)", took.Round(time.Millisecond), (after.TotalAlloc-before.TotalAlloc)>>10, atMost)
	if took > atMost {
		t.Errorf("took %v", took)
	}
}

// repeated joins n pieces made by format from their number.
func repeated(n int, format string) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// Each schema is small and would be large written out.
func TestSignatureOfHostileSchemaIsQuick(t *testing.T) {
	for name, schema := range map[string]string{
		"unions of unions": `{"type":"object","properties":{"x":{"$ref":"#/$defs/u"}},"$defs":{"u":{"anyOf":[` +
			repeated(400, `{"type":"array","items":{"$ref":"#/$defs/u"},"title":"%d"}`) + `]}}}`,
		"distinct unions": `{"type":"object","properties":{"x":{"$ref":"#/$defs/u"}},"$defs":{"u":{"anyOf":[` +
			repeated(2000, `{"type":"object","properties":{"p%d":{"$ref":"#/$defs/u"}}}`) + `]}}}`,
		"references": `{"type":"object","properties":{` + repeated(1500, `"property_number_%d_of_many":{"$ref":"#"}`) + `}}`,
		"references to an object": `{"type":"object","properties":{` + repeated(1500, `"p%d":{"$ref":"#/$defs/o"}`) + `},"$defs":{"o":{"type":"object","properties":{` +
			repeated(1500, `"p%d":{"type":"array","items":{"$ref":"#/$defs/o"}}`) + `}}}}`,
		"alternatives that are one": `{"properties":{"x":{"anyOf":[` + repeated(4000, `{"$ref":"#/$defs/long","title":"%d"}`) + `]}},"$defs":{"long":{"enum":["` +
			strings.Repeat("é", 60_000) + `","` + strings.Repeat("ü", 60_000) + `"]}}}`,
		"tuples": `{"properties":{"x":{"$ref":"#/$defs/t"}},"$defs":{"t":{"prefixItems":[` + repeated(1000, `{"allOf":[{"$ref":"#/$defs/t"},{"title":"%d"}]}`) + `]}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			var line string
			timed(t, func() { line = Signature("f", json.RawMessage(schema)) })
			if n := utf8.RuneCountInString(line); n > maxSignature || !strings.HasPrefix(line, "f(") {
				t.Errorf("%d characters: %s", n, line)
			}
		})
	}
}

// A union ends at its fourth distinct alternative, and null is told wherever it
// stands.
func TestUnionShowsFourAlternatives(t *testing.T) {
	t.Parallel()
	for alternatives, want := range map[string]string{
		repeated(5000, `{"const":%d}`):                                                                   `f(u: 0|1|2|3|…)`,
		repeated(5000, `{"const":%d}`) + `,{"type":"null"}`:                                              `f(u: 0|1|2|3|…|null)`,
		repeated(3, `{"const":%d}`) + `,{"const":0},{"const":1},{"enum":[null]},{"const":3},{"const":3}`: `f(u: 0|1|2|3|null)`,
	} {
		got := Signature("f", json.RawMessage(`{"properties":{"u":{"anyOf":[`+alternatives+`]}},"required":["u"]}`))
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// What a check cannot afford it allows.
func TestHostileSchemaIsCheckedQuickly(t *testing.T) {
	text := strings.Repeat("a", 2000)
	digits := strings.Repeat("7", 900)
	repeat := strings.Repeat("(a{0,100}){0,10}", 250) // 4,000 bytes, a program of about half a million instructions
	for name, c := range map[string]struct{ schema, args string }{
		"pattern":            {`{"properties":{"s":{"pattern":"^(` + repeat + `)$"}}}`, `{"s":"` + text + `b"}`},
		"pattern of names":   {`{"patternProperties":{"^` + strings.Repeat("(a|aa|a*)*", 300) + `$":{}},"additionalProperties":{"type":"string"}}`, `{"` + text + `b":1,"` + text + `c":2}`},
		"many patterns":      {`{"patternProperties":{` + repeated(5000, `"^(a+)+%d$":{}`) + `}}`, `{` + repeated(200, `"`+text[:1000]+`%d":"1"`) + `}`},
		"dependencies":       {`{"allOf":[` + repeated(4000, `{"$ref":"#/$defs/d","title":"%d"}`) + `],"$defs":{"d":{"dependentRequired":{"a":[` + strings.TrimSuffix(strings.Repeat(`"a",`, 100_000), ",") + `]}}}}`, `{"a":1}`},
		"missing properties": {`{"required":[` + repeated(90_000, `"p%d"`) + `]}`, `{}`},
		"long numbers":       {`{"properties":{"n":{"allOf":[` + repeated(9000, `{"multipleOf":7e900,"title":"%d"}`) + `]}}}`, `{"n":7` + digits + `e900}`},
		"annotations": {`{"unevaluatedProperties":false,"additionalProperties":true,"allOf":[` + repeated(9000, `{"$ref":"#/$defs/a","title":"%d"}`) +
			`],"$defs":{"a":{"additionalProperties":true}}}`, `{` + repeated(400, `"p%d":1`) + `}`},
		"names that are alike": {`{"properties":{"list":{"items":{"properties":{` + repeated(8000, `"P-%d":{}`) + `}}}}}`, `{"list":[` + repeated(2000, `{"p_%d":1}`) + `]}`},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Compile(json.RawMessage(c.schema))
			if err != nil {
				t.Fatal(err)
			}
			timed(t, func() {
				out, _ := s.Coerce(json.RawMessage(c.args))
				err = s.ValidateArguments(out)
			})
			if _, refused := errors.AsType[*ArgumentError](err); refused != (name == "missing properties") {
				t.Error(err)
			}
		})
	}
}

// The $ids of a small document resolve to URIs of many times its size.
func TestURIsOfASchemaAreBounded(t *testing.T) {
	const most = 200 << 20
	long := "http://a.example/" + strings.Repeat("x", 100_000) + "/"
	for name, schema := range map[string]string{
		"one long base":  `{"$id":"` + long + `","properties":{` + repeated(15_000, `"p%[1]d":{"$id":"i%[1]d","type":"string"}`) + `}}`,
		"paths nested":   strings.Repeat(`{"$id":"abcdefgh/","not":`, 900) + `{"properties":{` + repeated(20_000, `"p%[1]d":{"$id":"i%[1]d"}`) + `}}` + strings.Repeat("}", 900),
		"many resources": `{"$id":"http://a.example/` + strings.Repeat("x", 1900) + `/","properties":{` + repeated(40_000, `"p%[1]d":{"$id":"i%[1]d"}`) + `}}`,
		"one long $id":   `{"$defs":{"l":{"$id":"` + long + `","type":"object"}},"properties":{` + repeated(15_000, `"p%d":{"$ref":"#/$defs/l/type"}`) + `}}`,
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			s, err := Compile(json.RawMessage(schema))
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > most {
				t.Errorf("%d MiB allocated for %d KiB", got>>20, len(schema)>>10)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := s.ValidateArguments(json.RawMessage(`{"p1":"a"}`)); err != nil {
				t.Error(err)
			}
		})
	}
}

// A reference whose base is too long to be resolved against allows anything.
func TestReferencesWithinALongBase(t *testing.T) {
	t.Parallel()
	for length, refused := range map[int]bool{100: true, maxURI: false} {
		s, err := Compile(json.RawMessage(`{"$id":"http://a.example/` + strings.Repeat("x", length) +
			`","properties":{"n":{"$ref":"#/$defs/n"}},"$defs":{"n":{"type":"integer"}}}`))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.ValidateArguments(json.RawMessage(`{"n":"no"}`)); (err != nil) != refused {
			t.Errorf("a base of %d bytes: %v", length, err)
		}
	}
}

// Each of many long pointers is walked from its resource on.
func TestLongPointersAreFollowedQuickly(t *testing.T) {
	const most = 100 << 20 // bytes allocated, which the time goes along with
	deep := func(n int, inside string) string { return strings.Repeat(`{"a":`, n) + inside + strings.Repeat("}", n) }
	for name, schema := range map[string]string{
		"deep": `{"properties":{` + repeated(5000, `"p%d":{"$ref":"#/$defs`+strings.Repeat("/a", 90)+`"}`) + `},"$defs":` + deep(90, `{"type":"string"}`) + `}`,
		"wide": `{"properties":{` + repeated(5000, `"p%[1]d":{"$ref":"#/$defs`+strings.Repeat("/a", 60)+`/w/q%[1]d"}`) + `},"$defs":` +
			deep(60, `{"w":{`+repeated(5000, `"q%d":{}`)+`}}`) + `}`,
		"written with escapes": `{"properties":{` + repeated(5000, `"p%d":{"$ref":"#%%2F$defs`+strings.Repeat("/a", 50)+`/~0/~1"}`) + `},"$defs":` + deep(50, `{"~":{"/":{"type":"string"}}}`) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			var s *Schema
			var err error
			timed(t, func() { s, err = Compile(json.RawMessage(schema)) })
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > most {
				t.Errorf("%d MiB allocated for %d KiB", got>>20, len(schema)>>10)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := s.ValidateArguments(json.RawMessage(`{"p1":7}`)); (err == nil) != (name == "wide") {
				t.Error(err)
			}
			timed(t, func() { Signature("f", json.RawMessage(schema)) })
		})
	}
}
