package schema

import (
	"bytes"
	"encoding/json"
	"math/big"
	"unicode/utf8"

	"mcpproxy/catalog/clean"
	"mcpproxy/catalog/rawjson"
)

func (e *evaluation) number(n *node, v *rawjson.Value, at *location) *failure {
	if !e.spend(priceOfNumber(n, v)) {
		return nil
	}
	if m := n.minimum; m != nil {
		switch c := rawjson.CompareNumbers(v.Raw, m.number); {
		case c < 0 && !m.exclusive:
			return failed(at, "%s is less than the minimum of %s", show(v), m.number)
		case c <= 0 && m.exclusive:
			return failed(at, "%s is not more than %s", show(v), m.number)
		}
	}
	if m := n.maximum; m != nil {
		switch c := rawjson.CompareNumbers(v.Raw, m.number); {
		case c > 0 && !m.exclusive:
			return failed(at, "%s is more than the maximum of %s", show(v), m.number)
		case c >= 0 && m.exclusive:
			return failed(at, "%s is not less than %s", show(v), m.number)
		}
	}
	if n.multipleOf != nil && !isMultiple(v.Raw, n.multipleOf) {
		return failed(at, "%s is not a multiple of %s", show(v), n.multipleOf)
	}
	return nil
}

// priceOfNumber returns the steps for the bounds of a number: digits beyond those
// of a float64 and exponents are computed exactly, which takes a while.
func priceOfNumber(n *node, v *rawjson.Value) int {
	steps := 0
	price := func(bound json.RawMessage) {
		const short = 20 // bytes
		for _, number := range [][]byte{v.Raw, bound} {
			if len(number) > short || bytes.ContainsAny(number, "eE") {
				steps += 50
			}
		}
	}
	if n.minimum != nil {
		price(n.minimum.number)
	}
	if n.maximum != nil {
		price(n.maximum.number)
	}
	if n.multipleOf != nil {
		price(n.multipleOf)
	}
	return steps
}

// isMultiple is true as well for numbers too large to tell.
func isMultiple(number, of []byte) bool {
	x, ok := rawjson.Exact(number)
	y, ok2 := rawjson.Exact(of)
	return !ok || !ok2 || y.Sign() == 0 || new(big.Rat).Quo(x, y).IsInt()
}

func (e *evaluation) text(n *node, v *rawjson.Value, at *location) *failure {
	if n.pattern == nil && n.length.min == 0 && n.length.max >= len(v.Raw) {
		return nil
	}
	if !e.spend(len(v.Raw) / bytesPerStep) {
		return nil
	}
	text := v.Text()
	switch length := utf8.RuneCountInString(text); {
	case length < n.length.min:
		return failed(at, "%s long, at least %d wanted", plural(length, "character"), n.length.min)
	case length > n.length.max:
		return failed(at, "%s long, at most %d wanted", plural(length, "character"), n.length.max)
	}
	if n.pattern != nil && !e.matches(n.pattern, text) {
		return failed(at, "%s does not match the pattern %s", show(v), clean.Line(n.pattern.source, maxShown))
	}
	return nil
}

// matches is true as well for a pattern that is not RE2, or whose match could
// take longer than there are steps left.
func (e *evaluation) matches(p *pattern, text string) bool {
	program := p.compile()
	price := program.price(text)
	if program.re == nil || price > e.stepsLeft {
		e.undecided++
		return true
	}
	e.stepsLeft -= price
	return program.re.MatchString(text)
}

// equal compares as JSON Schema does (core, section 4.2.2): numbers by value,
// objects in any order. It calls spend before each comparison and returns false
// if spend does.
func equal(v, w *rawjson.Value, spend func(steps int) bool) bool {
	if !spend(1 + len(v.Raw)/bytesPerStep + len(w.Members)) {
		return false
	}
	if v.Unread || w.Unread {
		return bytes.Equal(v.Raw, w.Raw)
	}
	if v.Type != w.Type || len(v.Items) != len(w.Items) {
		return false
	}
	switch v.Type {
	case rawjson.String:
		return v.Text() == w.Text()
	case rawjson.Integer, rawjson.Fraction:
		return rawjson.CompareNumbers(v.Raw, w.Raw) == 0
	case rawjson.Array:
		for i := range v.Items {
			if !equal(&v.Items[i], &w.Items[i], spend) {
				return false
			}
		}
		return true
	case rawjson.Object:
		for i := range v.Members { // of those of one name the last counts
			name := v.Members[i].Name
			other := w.Get(name)
			if other == nil || !equal(v.Get(name), other, spend) {
				return false
			}
		}
		for i := range w.Members {
			if v.Get(w.Members[i].Name) == nil {
				return false
			}
		}
		return true
	}
	return bytes.Equal(v.Raw, w.Raw)
}
