package jmespath

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// The price of a search must cover what it takes, whatever it is made of: the time
// here is that of Limits.Steps, several times over.
func TestPriceCoversTheTime(t *testing.T) {
	if raceDetector {
		t.Skip("measures time")
	}
	const (
		steps = 4_000_000
		most  = 2 * time.Minute // 0.2 s, and as much for json.Valid, on a quiet machine
	)
	space := strings.Repeat(" ", 16<<20)
	long := strings.Repeat("7", 1<<20)
	numbers := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format+",", i)
		}
		return "[" + b.String() + "0]"
	}
	times := func(n int, piece string) string { return strings.Repeat(piece, n) }
	for name, c := range map[string]struct{ expression, document string }{
		"truth of space":      {times(200, "@||") + "@", "[" + space + "]"},
		"length of space":     {times(100, "length(@)==`7`||") + "@", "[" + space + "]"},
		"text of space":       {times(100, "to_string(@)=='x'||") + "@", "[" + space + "]"},
		"member within space": {times(200, "a||") + "a", "{" + space + "}"},
		"keys of space":       {times(100, "keys(@)||") + "@", "{" + space + "}"},
		"space at the end":    {times(200, "a||") + "a", `{"b":1` + space + "}"},
		"longest numbers":     {times(80, "[0]==[1]||") + "@", "[" + long + "1," + long + "2]"},
		"sum of longest":      {times(80, "sum(@)==`1`||") + "@", "[" + long + "," + long + ",1e-9999]"},
		"ceil of longest":     {times(60, "ceil([0])==`1`||") + "@", "[" + long + ".5]"},
		"abs of longest":      {times(60, "abs([0])==`1`||") + "@", "[-" + long + ".5]"},
		"negative exponents":  {"sort(@)", numbers(20_000, "1.%de-990")},
		"large exponents":     {"sort(@)", numbers(20_000, "1%d.5e990")},
		"nine hundred digits": {"sort(@)", numbers(5000, strings.Repeat("7", 900)+"%d")},
		"fractions":           {"sort(@)", numbers(5000, "0."+strings.Repeat("7", 900)+"%d")},
		"both":                {"sort(@)", numbers(5000, "0."+strings.Repeat("7", 90)+"%de-990")},
		"lists are equal":     {times(100, "@==[@][0]&&") + "@", numbers(5000, strings.Repeat("7", 90)+"%de-990")},
		"numbers of texts":    {times(60, "to_number(@)==`1`||") + "@", `"` + long + `"`},
		"length of a text":    {times(60, "length(@)==`1`||") + "@", `"` + strings.Repeat("é", 1<<20) + `"`},
		"beginning of a text": {times(30, "starts_with(@,@)==`1`||") + "@", `"` + strings.Repeat("é", 1<<20) + `"`},
		"end of a text":       {times(30, "ends_with(@,@)==`1`||") + "@", `"` + strings.Repeat("é", 1<<20) + `"`},
	} {
		t.Run(name, func(t *testing.T) {
			x, err := Compile(c.expression)
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			_, err = x.Search(t.Context(), []byte(c.document), Limits{Steps: steps, Bytes: 64 << 20})
			took := time.Since(start)
			t.Logf("%v (bound %v) %v", took.Round(time.Millisecond), most, err)
			if err != nil && !errors.Is(err, ErrLimit) || took > most {
				t.Errorf("%v, %v", took, err)
			}
		})
	}
}

// Space between values is read too, so ctx is looked at meanwhile.
func TestSpaceIsReadWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	space := strings.Repeat(" ", 1<<20)
	for expression, document := range map[string]string{"!@": "[" + space + "]", "length(@)": "[" + space + "]", "a": "{" + space + "}", "to_string(@)": `["a",` + space + "1]"} {
		x, err := Compile(expression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x.Search(ctx, []byte(document), Limits{Steps: 1 << 30, Bytes: 1 << 30}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", expression, err)
		}
	}
}

// A comparison costs by the length of the numbers, and more with exponents.
func TestLongNumbersHaveTheirPrice(t *testing.T) {
	t.Parallel()
	digits := strings.Repeat("7", 400)
	for document, price := range map[string]int{
		"[" + digits + "1," + digits + "2]":          800,
		"[" + digits + "e-990," + digits + "1e-990]": 1100,
		"[1e990,2e-990]":                             300,
	} {
		x, err := Compile("[0]<[1]")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x.Search(t.Context(), []byte(document), Limits{Steps: price, Bytes: 1 << 20}); !errors.Is(err, ErrLimit) {
			t.Errorf("%.20s…: %v", document, err)
		}
	}
	x, err := Compile("sum(@)")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Search(t.Context(), []byte("["+strings.Repeat("7", 100_000)+"]"), Limits{Steps: 20_000, Bytes: 1 << 20}); !errors.Is(err, ErrLimit) {
		t.Error(err)
	}
}
