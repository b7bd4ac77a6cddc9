package results

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jmespath/go-jmespath"

	"mcpproxy/proxy/mcptool"
	"mcpproxy/upstream/raw"
)

// Bounds on a selection, which has to hold all of the value in memory.
const (
	maxSelectFrom = 32 << 20 // bytes of JSON
	maxExpression = 2000     // bytes
)

// selectFrom selects from the structured content, else from the text as JSON.
func (out *Part) selectFrom(s stored, q Query) error {
	if len(q.Select) > maxExpression {
		return q.bad("select", fmt.Sprintf("is longer than %d bytes", maxExpression))
	}
	found, n, err := q.evaluate(s.value())
	if err == nil && found == nil && s.structured > 0 {
		// Some servers only wrap their text into structured content.
		if inText, digits, err := q.evaluate(s.text(), s.total); err == nil {
			found, n = inText, digits
		}
	}
	if err != nil {
		return err
	}
	e := encoder{numbers: n, room: min(mcptool.MaxPage, s.limit)}
	if e.write(found); e.room < 0 {
		out.Cut = "value is the beginning of the JSON text of what was selected, which is too large; select less"
		out.Value = raw.Encode(cutText(e.buf.String(), true))
		return nil
	}
	out.Value = e.buf.Bytes()
	return nil
}

// evaluate selects from a file of that size.
func (q Query) evaluate(path string, size int64) (found any, n numbers, err error) {
	if size > maxSelectFrom {
		return nil, n, q.bad("select", fmt.Sprintf("takes results of up to %d bytes, and this one has %d; use offset or grep", maxSelectFrom, size))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, n, err
	}
	value, expression, err := n.read(data, q.Select)
	if err != nil {
		return nil, n, q.bad("select", "needs JSON, which this result is not; use offset or grep")
	}
	expr, err := jmespath.Compile(expression)
	if err != nil {
		return nil, n, q.bad("select", "is not a valid JMESPath expression: "+err.Error())
	}
	if found, err = expr.Search(value); err != nil {
		return nil, n, q.bad("select", "failed: "+err.Error())
	}
	return found, n, nil
}

// numbers lets JMESPath compare numbers, which it does as float64 only, and
// still gives each back with the digits it was written with. Of numbers that
// are equal as float64, such as 1 and 1.0, the first stands for all, except of
// whole numbers beyond a float64's precision, often ids: each of these has a
// float64 of its own, in the same order.
type numbers struct {
	long    map[string]float64 // those whole numbers
	written map[float64]string
}

// longNumber is how many digits a whole number beyond the precision has at least.
const longNumber = 16

var longLiteral = regexp.MustCompile("`-?[0-9]{16,}`")

// read decodes a JSON value for an expression, and returns the expression with
// its long numbers replaced by what stands for them.
func (n *numbers) read(data []byte, expression string) (any, string, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, "", err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, "", errors.New("more than one JSON value")
	}
	literals := longLiteral.FindAllString(expression, -1)
	var long []string
	for i := range literals {
		long = append(long, strings.Trim(literals[i], "`"))
	}
	n.assign(collectLong(v, long))
	expression = longLiteral.ReplaceAllStringFunc(expression, func(literal string) string {
		f, ok := n.float(strings.Trim(literal, "`")).(float64)
		if !ok {
			return literal
		}
		return "`" + strconv.FormatFloat(f, 'g', -1, 64) + "`"
	})
	return n.floats(v), expression, nil
}

// collectLong appends the long whole numbers in v.
func collectLong(v any, long []string) []string {
	switch v := v.(type) {
	case json.Number:
		if len(v) >= longNumber && !strings.ContainsAny(string(v), ".eE") {
			long = append(long, string(v))
		}
	case []any:
		for _, element := range v {
			long = collectLong(element, long)
		}
	case map[string]any:
		for _, value := range v {
			long = collectLong(value, long)
		}
	}
	return long
}

// assign gives each long number a float64 of its own, near its value.
func (n *numbers) assign(long []string) {
	n.long, n.written = make(map[string]float64, len(long)), make(map[float64]string)
	slices.SortFunc(long, compareWhole)
	last := math.Inf(-1)
	for _, text := range slices.Compact(long) {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			continue // beyond the range
		}
		if f <= last {
			f = math.Nextafter(last, math.Inf(1))
		}
		n.long[text], n.written[f], last = f, text, f
	}
}

// compareWhole compares whole numbers by their digits.
func compareWhole(a, b string) int {
	x, y := strings.TrimPrefix(a, "-"), strings.TrimPrefix(b, "-")
	order := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
	switch negative := len(x) < len(a); {
	case negative != (len(y) < len(b)):
		order = 1
		if negative {
			order = -1
		}
	case negative:
		order = -order
	}
	return order
}

func (n *numbers) floats(v any) any {
	switch v := v.(type) {
	case json.Number:
		return n.float(string(v))
	case []any:
		for i := range v {
			v[i] = n.floats(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = n.floats(v[k])
		}
	}
	return v
}

// float returns what stands for a number: a float64, or a json.Number that can
// be shown but not compared.
func (n *numbers) float(text string) any {
	if f, ok := n.long[text]; ok {
		return f
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return json.Number(text) // beyond the range
	}
	have, taken := n.written[f]
	if _, long := n.long[have]; long {
		return json.Number(text)
	}
	if !taken {
		n.written[f] = text
	}
	return f
}

// An encoder writes JSON until there is no room: an expression can repeat a
// value without end.
type encoder struct {
	numbers
	buf  bytes.Buffer
	room int // bytes; below 0 once something was left out
}

func (e *encoder) put(s string) {
	if e.room -= len(s); e.room >= 0 {
		e.buf.WriteString(s)
	}
}

func (e *encoder) write(v any) {
	if e.room < 0 {
		return
	}
	switch v := v.(type) {
	case float64:
		text, ok := e.written[v]
		switch {
		case ok:
			e.put(text)
		case math.IsNaN(v) || math.IsInf(v, 0):
			e.put("null") // such as the mean of nothing
		default:
			e.put(string(raw.Encode(v)))
		}
	case []any:
		e.put("[")
		for i := 0; i < len(v) && e.room >= 0; i++ {
			if i > 0 {
				e.put(",")
			}
			e.write(v[i])
		}
		e.put("]")
	case map[string]any:
		e.put("{")
		for i, key := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				e.put(",")
			}
			e.put(string(raw.Encode(key)) + ":")
			e.write(v[key])
		}
		e.put("}")
	default:
		e.put(string(raw.Encode(v)))
	}
}
