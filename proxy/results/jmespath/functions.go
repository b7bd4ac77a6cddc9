package jmespath

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// An argType is a set of types that an argument may have.
type argType int

const (
	aNumber argType = 1 << iota
	aString
	anArray
	anObject
	aReference
	something // any type but a reference
)

// A signature is the types of a function's arguments. Of a variadic one the last
// may be repeated.
type signature struct {
	arguments []argType
	variadic  bool
}

func (f signature) takes(n int) bool {
	return n == len(f.arguments) || f.variadic && n > len(f.arguments)
}

// signatures are all functions (specification, built-in functions).
var signatures = map[string]signature{
	"abs":         {[]argType{aNumber}, false},
	"avg":         {[]argType{anArray}, false},
	"ceil":        {[]argType{aNumber}, false},
	"contains":    {[]argType{anArray | aString, something}, false},
	"ends_with":   {[]argType{aString, aString}, false},
	"floor":       {[]argType{aNumber}, false},
	"join":        {[]argType{aString, anArray}, false},
	"keys":        {[]argType{anObject}, false},
	"length":      {[]argType{aString | anArray | anObject}, false},
	"map":         {[]argType{aReference, anArray}, false},
	"max":         {[]argType{anArray}, false},
	"max_by":      {[]argType{anArray, aReference}, false},
	"merge":       {[]argType{anObject}, true},
	"min":         {[]argType{anArray}, false},
	"min_by":      {[]argType{anArray, aReference}, false},
	"not_null":    {[]argType{something}, true},
	"reverse":     {[]argType{aString | anArray}, false},
	"sort":        {[]argType{anArray}, false},
	"sort_by":     {[]argType{anArray, aReference}, false},
	"starts_with": {[]argType{aString, aString}, false},
	"sum":         {[]argType{anArray}, false},
	"to_array":    {[]argType{something}, false},
	"to_number":   {[]argType{something}, false},
	"to_string":   {[]argType{something}, false},
	"type":        {[]argType{something}, false},
	"values":      {[]argType{anObject}, false},
}

// typeOf returns the type of an opened value as JMESPath names it.
func typeOf(v value) (name string, bit argType) {
	switch v := v.(type) {
	case nil:
		return "null", something
	case bool:
		return "boolean", something
	case decimal:
		return "number", aNumber | something
	case string:
		return "string", aString | something
	case reference:
		return "expression", aReference
	default:
		if isArray(v) {
			return "array", anArray | something
		}
		return "object", anObject | something
	}
}

// call evaluates the arguments, checks them and calls a function.
func (s *search) call(n *node, v value) value {
	f := signatures[n.name]
	args := make([]value, len(n.parts))
	for i, part := range n.parts {
		args[i] = s.open(s.eval(part, v))
		if s.err != nil {
			return nil
		}
		if typ, bit := typeOf(args[i]); bit&f.arguments[min(i, len(f.arguments)-1)] == 0 {
			return s.fail("%s() cannot take %s as argument %d", n.name, typ, i+1)
		}
	}
	switch n.name {
	case "abs", "ceil", "floor":
		return s.round(n.name, args[0].(decimal))
	case "avg", "sum":
		return s.total(n.name, args[0])
	case "min", "max", "sort":
		return s.ordered(n.name, args[0], reference{&node{}})
	case "min_by", "max_by", "sort_by":
		return s.ordered(n.name, args[0], args[1].(reference))
	case "map":
		out := []value{}
		s.each(args[1], func(element value) bool {
			out = append(out, s.eval(args[0].(reference).node, element))
			return s.hold(slotBytes)
		})
		return out
	case "starts_with", "ends_with", "join", "to_string", "to_number":
		return s.ofText(n.name, args)
	}
	return s.ofAny(n.name, args)
}

// ofText calls the functions that are about texts.
func (s *search) ofText(name string, args []value) value {
	switch name {
	case "starts_with":
		return strings.HasPrefix(args[0].(string), args[1].(string))
	case "ends_with":
		return strings.HasSuffix(args[0].(string), args[1].(string))
	case "join":
		return s.join(args[0].(string), args[1])
	case "to_string":
		if text, ok := args[0].(string); ok {
			return text
		}
		w := writer{room: max(0, s.bytes)}
		w.write(args[0])
		s.hold(w.buf.Len())
		if w.room < 0 || !s.read(2*w.read) {
			s.hold(s.bytes + 1)
			return nil
		}
		return w.buf.String()
	}
	// to_number
	switch v := args[0].(type) {
	case decimal:
		return v
	case string:
		text := strings.TrimSpace(v)
		if s.read(4*len(v)) && text != "" && (text[0] == '-' || isDigit(text[0])) && json.Valid([]byte(text)) {
			return decimal(text)
		}
	}
	return nil
}

// ofAny calls the functions that are about values of several types.
func (s *search) ofAny(name string, args []value) value {
	v := args[0]
	switch name {
	case "contains":
		return s.contains(v, args[1])
	case "keys":
		names := []value{}
		for _, name := range s.object(v).names {
			names = append(names, name)
			s.hold(slotBytes)
		}
		return names
	case "values":
		return s.object(v).values
	case "length":
		if text, ok := v.(string); ok {
			s.read(len(text))
			return fromFloat(float64(utf8.RuneCountInString(text)))
		}
		return fromFloat(float64(s.count(v)))
	case "merge":
		return s.merge(args)
	case "not_null":
		for _, v := range args {
			if v != nil {
				return v
			}
		}
		return nil
	case "reverse":
		return s.reverse(v)
	case "to_array":
		if isArray(v) {
			return v
		}
		return []value{v}
	}
	typ, _ := typeOf(v)
	return typ
}

func (s *search) round(name string, d decimal) value {
	switch name {
	case "abs":
		return decimal(strings.TrimPrefix(string(d), "-"))
	case "ceil":
		if strings.ContainsAny(string(d), ".eE") {
			return fromFloat(math.Ceil(s.float(d)))
		}
	case "floor":
		if strings.ContainsAny(string(d), ".eE") {
			return fromFloat(math.Floor(s.float(d)))
		}
	}
	return d
}

// total returns the sum or the mean of numbers, as float64.
func (s *search) total(name string, v value) value {
	sum, n := 0.0, 0
	s.each(v, func(element value) bool {
		d, ok := s.open(element).(decimal)
		if !ok {
			s.fail("%s() takes an array of numbers only", name)
			return false
		}
		sum += s.float(d)
		n++
		return true
	})
	if name == "avg" {
		sum /= float64(n)
	}
	return fromFloat(sum)
}

// ordered sorts an array, or returns its least or greatest element, by what an
// expression finds in each: numbers or strings.
func (s *search) ordered(name string, v value, by reference) value {
	list := s.elements(v)
	type keyed struct{ element, key value }
	keys := make([]keyed, 0, len(list))
	for _, element := range list {
		key := s.open(s.eval(by.node, element))
		if s.err != nil || !s.hold(2*slotBytes) {
			return nil
		}
		_, bit := typeOf(key)
		if bit &= aNumber | aString; bit == 0 {
			return s.fail("%s() needs numbers or strings to compare", name)
		}
		if len(keys) > 0 {
			if _, first := typeOf(keys[0].key); first&bit == 0 {
				return s.fail("%s() cannot compare a number with a string", name)
			}
		}
		keys = append(keys, keyed{element, key})
	}
	compare := func(a, b keyed) int {
		if !s.step(1) {
			return 0
		}
		if x, ok := a.key.(decimal); ok {
			return s.compareNumbers(x, b.key.(decimal))
		}
		x, y := a.key.(string), b.key.(string)
		s.read(min(len(x), len(y)))
		return strings.Compare(x, y)
	}
	switch {
	case strings.HasPrefix(name, "sort"):
		slices.SortStableFunc(keys, compare)
		out := make([]value, len(keys))
		for i := range keys {
			out[i] = keys[i].element
		}
		return out
	case len(keys) == 0:
		return nil
	case strings.HasPrefix(name, "min"):
		return slices.MinFunc(keys, compare).element
	}
	return slices.MaxFunc(keys, compare).element
}

func (s *search) contains(v, wanted value) value {
	if text, ok := v.(string); ok {
		part, ok := wanted.(string)
		return ok && s.read(len(text)+len(part)) && strings.Contains(text, part)
	}
	found := false
	s.each(v, func(element value) bool {
		found = s.equal(element, wanted)
		return !found
	})
	return found
}

func (s *search) join(glue string, v value) value {
	var b bytes.Buffer
	first := true
	s.each(v, func(element value) bool {
		text, ok := s.open(element).(string)
		if !ok {
			s.fail("join() takes an array of strings only")
			return false
		}
		if !first {
			text = glue + text
		}
		first = false
		if !s.hold(len(text)) || !s.read(len(text)) {
			return false
		}
		b.WriteString(text)
		return true
	})
	return b.String()
}

func (s *search) merge(args []value) value {
	all := new(object)
	for _, v := range args {
		o := s.object(v)
		for i, name := range o.names {
			if !s.step(1) || !s.hold(memberBytes) {
				return nil
			}
			all.set(name, o.values[i])
		}
	}
	return all
}

func (s *search) reverse(v value) value {
	if text, ok := v.(string); ok {
		if !s.read(len(text)) || !s.hold(5*len(text)) {
			return nil
		}
		runes := []rune(text)
		slices.Reverse(runes)
		return string(runes)
	}
	list := s.elements(v)
	if !s.hold(slotBytes*len(list)) || !s.step(len(list)) {
		return nil
	}
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}
