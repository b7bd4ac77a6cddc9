package jmespath

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"mcpproxy/catalog/rawjson"
	"mcpproxy/upstream/raw"
)

// A value is nil, a bool, a decimal, a string, a []value, an *object, a
// reference, or a document, which can be each of the first six.
type value any

// A document is a JSON value as it stands in a text, without space around it.
type document []byte

// A decimal is a JSON number as it is written.
type decimal string

// An object is one that an expression made. A name stands in it once.
type object struct {
	names  []string
	values []value
	at     map[string]int // of names, if there are many
}

// A reference is an expression that is an argument of a function.
type reference struct{ node *node }

// manyMembers is the number of members above which an object has an index.
const manyMembers = 16

func (o *object) find(name string) int {
	if o.at != nil {
		if i, ok := o.at[name]; ok {
			return i
		}
		return -1
	}
	for i, n := range o.names {
		if n == name {
			return i
		}
	}
	return -1
}

// set adds a member or replaces the one of that name.
func (o *object) set(name string, v value) {
	if i := o.find(name); i >= 0 {
		o.values[i] = v
		return
	}
	o.names, o.values = append(o.names, name), append(o.values, v)
	if o.at != nil {
		o.at[name] = len(o.names) - 1
	} else if len(o.names) > manyMembers {
		o.at = make(map[string]int)
		for i, n := range o.names {
			o.at[n] = i
		}
	}
}

// What a value costs, in bytes of memory.
const (
	slotBytes   = 48 // of an array, with what a piece of the document takes
	memberBytes = 96 // of an object
)

// open decodes a scalar of the document. Arrays and objects stay as they are.
func (s *search) open(v value) value {
	d, ok := v.(document)
	if !ok {
		return v
	}
	switch d[0] {
	case '{', '[':
		return d
	case '"':
		s.read(len(d))
		s.hold(len(d))
		return unquote(d)
	case 't', 'f':
		return d[0] == 't'
	case 'n':
		return nil
	}
	s.hold(len(d))
	return decimal(d)
}

// unquote decodes a JSON string.
func unquote(quoted []byte) string {
	inside := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inside, '\\') < 0 && utf8.Valid(inside) {
		return string(inside)
	}
	var b strings.Builder
	_ = raw.Unescape(&b, quoted) // cannot fail: the document is valid
	return b.String()
}

// isArray reports whether v is an array.
func isArray(v value) bool {
	switch v := v.(type) {
	case []value:
		return true
	case document:
		return v[0] == '['
	}
	return false
}

func isObject(v value) bool {
	switch v := v.(type) {
	case *object:
		return true
	case document:
		return v[0] == '{'
	}
	return false
}

// each calls f with each element of an array, until f returns false or the search
// has failed. What is no array has none.
func (s *search) each(v value, f func(value) bool) {
	switch v := v.(type) {
	case []value:
		for _, element := range v {
			if !s.step(1) || !f(element) {
				return
			}
		}
	case document:
		from := 0
		for at := range raw.Elements(v) {
			if !s.readTo(at.End, &from) || !f(document(at.In(v))) {
				return
			}
		}
		s.readTo(len(v), &from)
	}
}

// count returns the number of elements or members.
func (s *search) count(v value) int {
	switch v := v.(type) {
	case []value:
		return len(v)
	case *object:
		return len(v.names)
	case document:
		if v[0] == '{' {
			return len(s.object(v).names)
		}
	}
	n := 0
	s.each(v, func(value) bool { n++; return true })
	return n
}

// elements returns the elements of an array for reading.
func (s *search) elements(v value) []value {
	list, ok := v.([]value)
	if !ok {
		s.each(v, func(element value) bool { list = append(list, element); return s.hold(slotBytes) })
	}
	return list
}

// object returns an object for reading. Of members of one name the last counts.
func (s *search) object(v value) *object {
	o, ok := v.(*object)
	if ok {
		return o
	}
	o = new(object)
	d, _ := v.(document)
	from := 0
	for key, at := range raw.Members(d) {
		if !s.readTo(at.End, &from) || !s.hold(memberBytes+len(key)) {
			return o
		}
		o.set(unquote(key), document(at.In(d)))
	}
	s.readTo(len(d), &from)
	return o
}

// member returns a member of an object, or nil.
func (s *search) member(v value, name string) (found value) {
	switch v := v.(type) {
	case *object:
		if i := v.find(name); i >= 0 {
			return v.values[i]
		}
	case document:
		from := 0
		for key, at := range raw.Members(v) {
			if !s.readTo(at.End, &from) {
				return nil
			}
			if raw.KeyIs(key, name) {
				found = document(at.In(v))
			}
		}
		s.readTo(len(v), &from)
	}
	return found
}

// truth says what counts as true: all but null, false and what is empty.
func (s *search) truth(v value) bool {
	switch v := s.open(v).(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case *object:
		return len(v.names) > 0
	case []value:
		return len(v) > 0
	case document:
		for i := 1; i < len(v); i++ {
			if !isSpace(v[i]) {
				s.read(i)
				return v[i] != ']' && v[i] != '}'
			}
		}
	}
	return true
}

// equal compares deeply: numbers by their value, objects in any order.
func (s *search) equal(a, b value) bool {
	if !s.step(1) {
		return false
	}
	a, b = s.open(a), s.open(b)
	switch x := a.(type) {
	case decimal:
		y, ok := b.(decimal)
		return ok && s.compareNumbers(x, y) == 0
	case string:
		y, ok := b.(string)
		return ok && s.read(len(x)) && x == y
	case nil, bool:
		return a == b
	case reference:
		return false
	}
	switch {
	case isArray(a) && isArray(b):
		x, y := s.elements(a), s.elements(b)
		if len(x) != len(y) {
			return false
		}
		for i := range x {
			if !s.equal(x[i], y[i]) {
				return false
			}
		}
		return true
	case isObject(a) && isObject(b):
		x, y := s.object(a), s.object(b)
		if len(x.names) != len(y.names) {
			return false
		}
		for i, name := range x.names {
			if j := y.find(name); j < 0 || !s.equal(x.values[i], y.values[j]) {
				return false
			}
		}
		return true
	}
	return false
}

// exactBelow bounds numbers that are surely told apart as float64, in digits.
const exactBelow = 15

// compareNumbers returns -1, 0 or 1 as a is less than, equal to or more than b,
// by their digits.
func (s *search) compareNumbers(a, b decimal) int {
	exponents := strings.ContainsAny(string(a), "eE") || strings.ContainsAny(string(b), "eE")
	if len(a) <= exactBelow && len(b) <= exactBelow && !exponents {
		return cmp.Compare(s.float(a), s.float(b))
	}
	steps := 40 + len(a) + len(b)
	if exponents {
		steps += 300
	}
	if !s.step(steps) {
		return 0
	}
	return rawjson.CompareNumbers([]byte(a), []byte(b))
}

// float returns the nearest float64, an infinity beyond their range.
func (s *search) float(d decimal) float64 {
	if len(d) > exactBelow {
		s.step(len(d) / 4)
	}
	f, _ := strconv.ParseFloat(string(d), 64)
	return f
}

// fromFloat returns a number, or nil for what is none, such as the mean of
// nothing.
func fromFloat(f float64) value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	text, _ := json.Marshal(f) // a number can always be encoded
	return decimal(text)
}
