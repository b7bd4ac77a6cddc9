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

// Bounds on a selection, which holds the whole value in memory.
const (
	maxSelectFrom = 32 << 20 // bytes of JSON
	maxExpression = 2000     // bytes
)

// selectFrom selects from the structured content, else from the text as JSON.
// A selection that is too large is cut.
func (out *Part) selectFrom(s stored, q Query) error {
	if len(q.Select) > maxExpression {
		return q.bad("select", fmt.Sprintf("is longer than %d bytes", maxExpression))
	}
	found, n, err := q.evaluate(s.value())
	if err == nil && found == nil && s.structured > 0 {
		// The structured content of some servers is their text in a string.
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

// evaluate selects from a file of size bytes. The numbers in what it finds are
// written with n.
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
// gives each back with the digits it was written with. Numbers that are equal as
// float64, such as 1 and 1.0, get the digits of the first one. Each long whole
// number gets a float64 of its own, in the same order, because two ids that
// differ must not be equal.
type numbers struct {
	long    map[string]float64 // of long whole numbers
	written map[float64]string // the digits of each number
}

// longNumber is the number of characters from which on a whole number may exceed
// the precision of a float64.
const longNumber = 16

// longLiteral matches such numbers in an expression.
var longLiteral = regexp.MustCompile("`-?[0-9]{16,}`")

// read decodes a JSON value for an expression, and returns the expression with
// the float64 of each long number in its place.
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
	var long []string
	for _, literal := range longLiteral.FindAllString(expression, -1) {
		long = append(long, strings.Trim(literal, "`"))
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

// collectLong appends the long whole numbers in v to long.
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

// assign gives each long number a float64 of its own, the nearest that is free.
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
	x, aNegative := strings.CutPrefix(a, "-")
	y, bNegative := strings.CutPrefix(b, "-")
	switch {
	case aNegative && !bNegative:
		return -1
	case bNegative && !aNegative:
		return 1
	case aNegative:
		x, y = y, x
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
}

// floats replaces each number in v, in place, by what stands for it.
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

// float returns what stands for a number: a float64, or a json.Number if no
// float64 is free, which JMESPath does not compare.
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

// An encoder writes JSON up to a bound, because an expression can repeat a value
// any number of times.
type encoder struct {
	numbers
	buf  bytes.Buffer
	room int // bytes that are left; below 0 once something was left out
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
			e.put("null") // as avg of an empty list
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
