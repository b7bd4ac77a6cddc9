package proxy

import (
	"bytes"
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
)

// Bounds on a selection, which has to hold all of the value in memory.
const (
	maxSelectFrom = 32 << 20 // bytes of JSON
	maxExpression = 2000     // bytes
)

// choose selects from the structured content, else from the text as JSON.
func (out *ReadResult) choose(s stored, q ReadRequest) error {
	path, size := s.value()
	switch {
	case len(q.Select) > maxExpression:
		return q.bad("select", fmt.Sprintf("is longer than %d bytes", maxExpression))
	case size > maxSelectFrom:
		return q.bad("select", fmt.Sprintf("takes results of up to %d bytes, and this one has %d; use offset or grep", maxSelectFrom, size))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	n := numbers{written: make(map[float64]string)}
	value, err := n.decode(data)
	if err != nil {
		return q.bad("select", "needs JSON, which this result is not; use offset or grep")
	}
	expr, err := jmespath.Compile(n.literals(q.Select))
	if err != nil {
		return q.bad("select", "is not a valid JMESPath expression: "+err.Error())
	}
	found, err := expr.Search(value)
	if err != nil {
		return q.bad("select", "failed: "+err.Error())
	}
	e := encoder{numbers: n, room: min(maxPage, s.limit)}
	if e.write(found); e.room < 0 {
		out.Cut = "value is the beginning of the JSON text of what was selected, which is too large; select less"
		out.Value = compact(cutText(e.buf.String(), true))
		return nil
	}
	out.Value = e.buf.Bytes()
	return nil
}

// numbers lets JMESPath compare numbers, which it does as float64 only, and
// still gives each back with the digits it was written with.
type numbers struct{ written map[float64]string }

func (n numbers) decode(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return n.floats(v), nil
}

func (n numbers) floats(v any) any {
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

// maxNeighbours bounds the search for a float64 that is not taken.
const maxNeighbours = 1000

// float returns a value that stands for this number alone. Of two that only
// differ beyond the precision of a float64, one gets a neighbour.
func (n numbers) float(text string) any {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return json.Number(text) // beyond the range: it can be shown, not compared
	}
	for range maxNeighbours {
		have, taken := n.written[f]
		switch {
		case !taken:
			n.written[f] = text
			return f
		case shortest(have) == shortest(text):
			return f // such as 1 and 1.0: equal, so that either stands for both
		}
		f = math.Nextafter(f, math.Inf(1))
	}
	return json.Number(text)
}

// shortest returns a number without the zeros that do not change it.
func shortest(text string) string {
	if strings.Contains(text, ".") && !strings.ContainsAny(text, "eE") {
		return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return text
}

var longLiteral = regexp.MustCompile("`-?[0-9]{16,}`")

// literals replaces the long numbers in an expression by what stands for them.
func (n numbers) literals(expression string) string {
	return longLiteral.ReplaceAllStringFunc(expression, func(literal string) string {
		f, ok := n.float(strings.Trim(literal, "`")).(float64)
		if !ok {
			return literal
		}
		return "`" + strconv.FormatFloat(f, 'g', -1, 64) + "`"
	})
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
		if text, ok := e.written[v]; ok {
			e.put(text)
			return
		}
		if math.IsNaN(v) || math.IsInf(v, 0) { // such as the mean of nothing
			e.put("null")
			return
		}
		e.put(strconv.FormatFloat(v, 'g', -1, 64))
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
			e.put(string(compact(key)) + ":")
			e.write(v[key])
		}
		e.put("}")
	default:
		e.put(string(compact(v)))
	}
}
