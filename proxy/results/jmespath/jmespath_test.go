package jmespath

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

var enough = Limits{Steps: 1_000_000, Bytes: 1 << 20}

func searchIn(t *testing.T, expression, document string) (string, error) {
	t.Helper()
	x, err := Compile(expression)
	if err != nil {
		return "", err
	}
	v, err := x.Search(t.Context(), []byte(document), enough)
	if err != nil {
		return "", err
	}
	text, whole := v.JSON(1 << 20)
	if !whole || !json.Valid(text) {
		t.Errorf("%s: %s", expression, text)
	}
	return string(text), nil
}

const document1 = ` {"foo": {"bar": "baz", "n" :1.50}, "list": [ {"a": 3, "b":"x"}, {"a":1,"b":"y"}, {"b":"z"}, {"a":2, "b" : "x"} ],
	"deep":[[1,[2]],[],[3],4], "empty":[], "o":{}, "id": 9007199254740993, "near":9007199254740992, "text":"h\u00e9llo", "with-dash":true, "foo\u0020x": null} `

// What is asked is from the specification, chapter by chapter.
func TestSearch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ expression, want string }{
		{`foo`, `{"bar":"baz","n":1.50}`}, // the digits and the order of the document
		{`foo.bar`, `"baz"`}, {`"foo"."bar"`, `"baz"`}, {`nothing.at.all`, `null`}, {`"with-dash"`, `true`}, {`"foo x"`, `null`},
		{`list[0].a`, `3`}, {`list[-1].b`, `"x"`}, {`list[9]`, `null`}, {`list[-9]`, `null`}, {`foo[0]`, `null`},
		{`list[1:3].b`, `["y","z"]`}, {`list[::-1].b`, `["x","z","y","x"]`}, {`list[:-3].b`, `["x"]`}, {`list[5:].b`, `[]`}, {`foo[::2]`, `null`},
		{`deep[::9223372036854775807]`, `[[1,[2]]]`}, {`deep[-9223372036854775808:]|length(@)`, `4`}, {`deep[::-9223372036854775808]`, `[4]`},
		{`list[*].a`, `[3,1,2]`}, {`list[].b`, `["x","y","z","x"]`}, {`foo.*`, `["baz",1.50]`}, {`*.bar`, `["baz"]`}, {`foo[*]`, `null`}, {`list.*`, `null`},
		{`deep[]`, `[1,[2],3,4]`}, {`deep[][]`, `[1,2,3,4]`}, {`deep[*][0]`, `[1,3]`}, {`deep[*]|[0]`, `[1,[2]]`},
		{`list[?a > ` + "`1`" + `].b`, `["x","x"]`}, {`list[?b=='x' && a<` + "`3`" + `]`, `[{"a":2,"b":"x"}]`}, {`list[?!a].b`, `["z"]`}, {`list[?a][0].b`, `[]`}, {`(list[?a])[0].b`, `"x"`},
		{`list[?a].[b,a]`, `[["x",3],["y",1],["x",2]]`}, {`list[0].{x:b,"y z":a}`, `{"x":"x","y z":3}`}, {`{a:nothing}`, `{"a":null}`}, {`nothing.{a:b}`, `null`},
		{`empty || o || 'none'`, `"none"`}, {`foo && id`, `9007199254740993`}, {`!empty`, `true`}, {`empty && id`, `[]`},
		{`id == near`, `false`}, {`id > near`, `true`}, {"`1.0` == `1`", `true`}, {"`1e400` > `1e399`", `true`}, {"`9007199254740993` == id", `true`}, {`foo < id`, `null`},
		{"`[1,{\"a\":[]}]` == `[1.0, {\"a\": [ ]}]`", `true`}, {"`{\"a\":1,\"b\":2}` == `{\"b\":2,\"a\":1}`", `true`}, {"'1' == `1`", `false`}, {`'a\'b'`, `"a'b"`}, {"`\"a\\`b\"`", "\"a`b\""},
		{"contains(`[[1],2]`, `[1]`)", `true`}, {`contains(text, 'éll')`, `true`}, {`contains(text, id)`, `false`}, {`length(text)`, `5`}, {`length(list)`, `4`}, {`length(@)`, `10`},
		{`keys(foo)`, `["bar","n"]`}, {`values(foo)`, `["baz",1.50]`}, {`sort_by(list[?a], &a)[*].a`, `[1,2,3]`}, {`max_by(list[?a], &a).b`, `"x"`}, {`min_by(list[?a], &a).b`, `"y"`},
		{`sort(list[*].a)`, `[1,2,3]`}, {`sort(list[*].b)`, `["x","x","y","z"]`}, {`max([id, near])`, `9007199254740993`}, {`min(empty)`, `null`}, {`sum(list[*].a)`, `6`}, {`avg(list[*].a)`, `2`}, {`avg(empty)`, `null`},
		{`map(&a, list)`, `[3,1,null,2]`}, {`merge(foo, {bar: id})`, `{"bar":9007199254740993,"n":1.50}`}, {`not_null(nothing, id)`, `9007199254740993`}, {`reverse(list[*].a)`, `[2,1,3]`}, {`reverse(text)`, `"olléh"`},
		{`to_array(id)`, `[9007199254740993]`}, {`to_array(empty)`, `[]`}, {`to_string(foo)`, `"{\"bar\":\"baz\",\"n\":1.50}"`}, {`to_string(text)`, `"héllo"`}, {`to_number('1.50')`, `1.50`}, {`to_number('0x1')`, `null`}, {`to_number(foo)`, `null`},
		{`join('-', list[*].b)`, `"x-y-z-x"`}, {`starts_with(text, 'hé')`, `true`}, {`ends_with(text, 'x')`, `false`}, {`abs(` + "`-1.50`" + `)`, `1.50`}, {`ceil(foo.n)`, `2`}, {`floor(foo.n)`, `1`}, {`ceil(id)`, `9007199254740993`},
		{`[type(foo), type(list), type(id), type(text), type(!foo), type(nothing)]`, `["object","array","number","string","boolean","null"]`},
		{`list[*].b | [0] | @`, `"x"`}, {`@.foo.bar`, `"baz"`},
	} {
		if got, err := searchIn(t, c.expression, document1); err != nil || got != c.want {
			t.Errorf("%s\n got %s, %v\nwant %s", c.expression, got, err, c.want)
		}
	}
	if got, err := searchIn(t, "a", `{"a":1,"\u0061":2}`); err != nil || got != "2" {
		t.Errorf("of members of one name: %s, %v", got, err)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{
		``, `.`, `a.`, `a[`, `a]`, `[`, `[0`, `[a:1]`, `[1:2:3:4]`, `[1 2]`, `a b`, `a*`, `{`, `{a}`, `{a:b`, `{a:b,}`, `[a,]`, `(a`, `a)`, `'a`, `"a`, "`a", "`a`", "`1`2", `a=b`, `a ==`, `^`, `é`, `&a`, `"a"(b)`,
		`@(a)`, `[0](a)`, `nope(a)`, `abs()`, `abs(a, b)`, `merge()`, `sort_by(a)`, `abs(a`, `abs(a,)`, `99999999999999999999[0]`, `[99999999999999999999]`, `-`, "\x00", "\xff", `"\x"`,
	} {
		_, err := Compile(expression)
		if _, ok := errors.AsType[*SyntaxError](err); !ok {
			t.Errorf("%q: %v", expression, err)
		}
	}
	for _, expression := range []string{
		`abs('a')`, `length(id)`, `merge('a')`, `merge(foo, id)`, `sort(deep)`, `sort([id, text])`, `sum(['a'])`, `join(',', [id])`, `sort_by(list, &a)`, `map(foo, list)`, `keys(list)`, `list[::0]`, `not_null(&a)`, `max_by(deep, &@)`,
	} {
		_, err := searchIn(t, expression, document1)
		if _, ok := errors.AsType[*EvalError](err); !ok {
			t.Errorf("%s: %v", expression, err)
		}
	}
	for _, document := range []string{"", "{", "1 2", "nope"} {
		if _, err := searchIn(t, "@", document); !errors.Is(err, ErrNotJSON) {
			t.Errorf("%q: %v", document, err)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	list := "[" + strings.Repeat("1,", 10_000) + "1]"
	for _, c := range []struct {
		expression string
		limits     Limits
	}{
		{"sum(@)", Limits{Steps: 9_000, Bytes: 1 << 20}},
		{"[*]", Limits{Steps: 1 << 20, Bytes: 9_000}},
		{"sort(@)", Limits{Steps: 30_000, Bytes: 1 << 24}},
		{strings.Repeat("[@,@]|", 100) + "@ == @", Limits{Steps: 1 << 20, Bytes: 1 << 20}},
		{strings.Repeat("[@,@]|", 30) + "to_string(@)", Limits{Steps: 1 << 20, Bytes: 1 << 20}},
	} {
		x, err := Compile(c.expression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x.Search(t.Context(), []byte(list), c.limits); !errors.Is(err, ErrLimit) {
			t.Errorf("%.30s: %v", c.expression, err)
		}
	}
	x, err := Compile(strings.Repeat("[@,@]|", 100) + "@")
	if err != nil {
		t.Fatal(err)
	}
	v, err := x.Search(t.Context(), []byte("1"), enough)
	if text, whole := v.JSON(1000); err != nil || whole || len(text) != 1000 {
		t.Errorf("%d bytes, %v, %v", len(text), whole, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.Search(ctx, []byte(list), Limits{Steps: 1 << 20, Bytes: 1 << 20}); err != nil {
		t.Errorf("a search of few steps: %v", err)
	}
	if x, err = Compile("sum(@)"); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Search(ctx, []byte(list), Limits{Steps: 1 << 20, Bytes: 1 << 20}); !errors.Is(err, context.Canceled) {
		t.Errorf("a long search: %v", err)
	}
}

// No expression panics, takes long, or finds what is no JSON.
func FuzzSearch(f *testing.F) {
	for _, expression := range []string{
		"a.b[0]", "[?a==`1`].b|sort(@)", "[*].{a:b,c:@}", "[]|[-1:]", "map(&[@,@],@)|to_string(@)", "join(',',keys(@))", "*.a[?contains(@,'x')&&!b||c]", strings.Repeat("[@,@]|", 40) + "@==@",
		"@(a)", "contains(`[[]]`,`[]`)", "merge('a')", "[::9223372036854775807]", "avg([])", "sort_by(@,&a)[0]", "\"a\\u0062\".*", "'a\\'b'",
	} {
		f.Add(expression, document1)
		f.Add(expression, `[{"a":1,"b":"x"},{"a":[1e400,-0.0]},[[]],null,"é\ud800"]`)
	}
	f.Fuzz(func(t *testing.T, expression, document string) {
		x, err := Compile(expression)
		if err != nil {
			if _, ok := errors.AsType[*SyntaxError](err); !ok {
				t.Errorf("%T: %v", err, err)
			}
			return
		}
		start := time.Now()
		v, err := x.Search(t.Context(), []byte(document), enough)
		if took := time.Since(start); took > time.Minute {
			t.Errorf("took %v", took)
		}
		if err != nil {
			if _, failed := errors.AsType[*EvalError](err); !failed && !errors.Is(err, ErrLimit) && !errors.Is(err, ErrNotJSON) {
				t.Errorf("%T: %v", err, err)
			}
			return
		}
		if text, whole := v.JSON(1 << 20); whole && !json.Valid(text) {
			t.Errorf("not JSON: %.200s", text)
		}
	})
}

func ExampleExpression_Search() {
	x, err := Compile("items[?price > `2`].id")
	if err != nil {
		fmt.Println(err)
		return
	}
	found, err := x.Search(context.Background(), []byte(`{"items": [{"id": 12345678901234567890, "price": 3}, {"id": 1, "price": 2.0}]}`), Limits{Steps: 1000, Bytes: 1000})
	text, _ := found.JSON(100)
	fmt.Println(string(text), err)
	// Output: [12345678901234567890] <nil>
}
