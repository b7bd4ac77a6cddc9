package jmespath

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Limits bound what one search may cost.
type Limits struct {
	Steps int // values looked at, and each 64 bytes of text that is read; about 50 ns
	Bytes int // of values that are made, beside the document
}

// ErrLimit means that a search would exceed its limits.
var ErrLimit = errors.New("the expression takes too much time or memory on this value")

// An EvalError says what an expression cannot do with the value.
type EvalError struct{ Problem string }

func (e *EvalError) Error() string { return e.Problem }

// ErrNotJSON means that a text is not a single JSON value.
var ErrNotJSON = errors.New("not JSON")

// A Value is what a search found. It stays valid as long as the document is not
// changed.
type Value struct{ v value }

// IsNull reports whether nothing was found.
func (v Value) IsNull() bool {
	d, ok := v.v.(document)
	return v.v == nil || ok && d[0] == 'n'
}

// Search evaluates the expression on a JSON text. Errors: ErrNotJSON, ErrLimit, an
// [*EvalError], or that of ctx.
func (x *Expression) Search(ctx context.Context, text []byte, limits Limits) (Value, error) {
	if !json.Valid(text) {
		return Value{}, ErrNotJSON
	}
	s := &search{ctx: ctx, steps: limits.Steps, bytes: limits.Bytes}
	found := s.eval(x.root, document(bytes.TrimSpace(text)))
	if s.err != nil {
		return Value{}, s.err
	}
	return Value{found}, nil
}

// A search is one evaluation. After the first error its methods return at once
// and what they return means nothing.
type search struct {
	ctx    context.Context
	steps  int // left
	bytes  int // left
	unread int // of a step, in bytes
	looked int // steps since ctx was looked at
	err    error
}

const (
	readPerStep = 64 // bytes
	lookEvery   = 10_000
)

// step takes steps from those left, and reports whether the search goes on.
func (s *search) step(n int) bool {
	s.steps -= n
	if s.looked += n; s.looked > lookEvery {
		s.looked = 0
		if s.err == nil && s.ctx.Err() != nil {
			s.err = context.Cause(s.ctx)
		}
	}
	if s.steps < 0 && s.err == nil {
		s.err = ErrLimit
	}
	return s.err == nil
}

// read is step for reading so many bytes.
func (s *search) read(n int) bool {
	s.unread += n
	n = s.unread / readPerStep
	s.unread %= readPerStep
	return s.step(n + 1)
}

// readTo is read for a document from a place on, which it moves. What is walked
// counts and not what is found, since there can be any amount of space between.
func (s *search) readTo(to int, from *int) bool {
	n := to - *from
	*from = to
	return s.read(n)
}

// hold takes bytes from those left. It is called before they are made, wherever
// they can be many.
func (s *search) hold(n int) bool {
	if s.bytes -= n; s.bytes < 0 && s.err == nil {
		s.err = ErrLimit
	}
	return s.err == nil
}

func (s *search) fail(format string, args ...any) value {
	if s.err == nil {
		s.err = &EvalError{fmt.Sprintf(format, args...)}
	}
	return nil
}

// eval returns what a part of the expression finds in v.
func (s *search) eval(n *node, v value) value {
	if !s.step(1) {
		return nil
	}
	switch n.op {
	case opCurrent:
		return v
	case opField:
		return s.member(v, n.name)
	case opIndex:
		return s.index(s.eval(n.left, v), n.index)
	case opSlice:
		return s.slice(s.eval(n.left, v), n.slice)
	case opLiteral:
		return n.value
	case opChain:
		return s.eval(n.right, s.eval(n.left, v))
	case opProject, opProjectValues, opFilter:
		return s.project(n, s.eval(n.left, v))
	case opFlatten:
		return s.flatten(s.eval(n.left, v))
	case opList, opObject:
		return s.construct(n, v)
	case opOr, opAnd:
		left := s.eval(n.left, v)
		if s.truth(left) == (n.op == opOr) {
			return left
		}
		return s.eval(n.right, v)
	case opNot:
		return !s.truth(s.eval(n.left, v))
	case opCompare:
		return s.compare(n.name, s.eval(n.left, v), s.eval(n.right, v))
	case opReference:
		return reference{n.left}
	}
	return s.call(n, v)
}

func (s *search) index(v value, i int) (found value) {
	if !isArray(v) {
		return nil
	}
	if i < 0 {
		if i += s.count(v); i < 0 {
			return nil
		}
	}
	s.each(v, func(element value) bool {
		if i == 0 {
			found = element
		}
		i--
		return i >= 0
	})
	return found
}

// slice returns the elements from, to and in steps as the bounds say
// (specification, slices).
func (s *search) slice(v value, bounds [3]*int) value {
	if !isArray(v) {
		return nil
	}
	step := 1
	if bounds[2] != nil {
		step = *bounds[2]
	}
	if step == 0 {
		return s.fail("the step of a slice cannot be 0")
	}
	list := s.elements(v)
	first, last := 0, len(list) // of the places where a slice may begin and end
	if step < 0 {
		first, last = -1, len(list)-1
	}
	place := func(bound *int, absent int) int {
		if bound == nil {
			return absent
		}
		i := *bound
		if i < 0 {
			i += len(list)
		}
		return min(max(i, first), last)
	}
	from, to := place(bounds[0], first), place(bounds[1], last)
	if step < 0 {
		from, to = place(bounds[0], last), place(bounds[1], first)
	}
	out := []value{}
	step = min(max(step, -len(list)-1), len(list)+1) // so that i does not overflow
	for i := from; (step > 0 && i < to || step < 0 && i > to) && s.step(1) && s.hold(slotBytes); i += step {
		out = append(out, list[i])
	}
	return out
}

// project evaluates the right side for each element, for each value of an object,
// or for each element that meets the condition; null is left out.
func (s *search) project(n *node, left value) value {
	if n.op == opProjectValues {
		if !isObject(left) {
			return nil
		}
		left = s.object(left).values
	}
	if !isArray(left) {
		return nil
	}
	out := []value{}
	s.each(left, func(element value) bool {
		if n.condition != nil && !s.truth(s.eval(n.condition, element)) {
			return s.err == nil
		}
		if found := s.eval(n.right, element); !(Value{found}).IsNull() {
			out = append(out, found)
			s.hold(slotBytes)
		}
		return s.err == nil
	})
	return out
}

// flatten replaces each element that is an array by its elements.
func (s *search) flatten(v value) value {
	if !isArray(v) {
		return nil
	}
	out := []value{}
	add := func(element value) bool {
		out = append(out, element)
		return s.hold(slotBytes)
	}
	s.each(v, func(element value) bool {
		if !isArray(element) {
			return add(element)
		}
		s.each(element, add)
		return s.err == nil
	})
	return out
}

// construct makes a list or an object.
func (s *search) construct(n *node, v value) value {
	if (Value{v}).IsNull() {
		return nil
	}
	if n.op == opList {
		list := make([]value, 0, len(n.parts))
		for _, part := range n.parts {
			if !s.hold(slotBytes) {
				return nil
			}
			list = append(list, s.eval(part, v))
		}
		return list
	}
	o := new(object)
	for i, part := range n.parts {
		if !s.hold(memberBytes) {
			return nil
		}
		o.set(n.names[i], s.eval(part, v))
	}
	return o
}

// compare returns nil where order has no meaning.
func (s *search) compare(sign string, a, b value) value {
	switch sign {
	case "==":
		return s.equal(a, b)
	case "!=":
		return !s.equal(a, b)
	}
	x, isNumber := s.open(a).(decimal)
	y, isNumber2 := s.open(b).(decimal)
	if !isNumber || !isNumber2 {
		return nil
	}
	c := s.compareNumbers(x, y)
	switch sign {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}
