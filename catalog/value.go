package catalog

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strconv"
)

// jsonTypes is a set of the types of JSON Schema. "integer" is a part of
// "number" there, so a number without fraction has the type integer alone and
// the keyword "number" stands for both.
type jsonTypes uint8

const (
	nullType jsonTypes = 1 << iota
	booleanType
	integerType
	fractionType
	stringType
	arrayType
	objectType

	numberType = integerType | fractionType
	scalarType = booleanType | numberType | stringType
	anyType    = nullType | scalarType | arrayType | objectType
)

// A value is one JSON value as it stands in a document: its bytes, its place
// and its members in the order written. Nothing is converted, so that numbers
// keep their digits and names their spelling.
type value struct {
	raw     json.RawMessage
	at      int       // offset of raw in the document
	typ     jsonTypes // exactly one
	folded  bool      // deeper than the parse was told to go: members and items are missing
	members []member
	items   []value
	index   map[string]int // of members, where there are many
}

type member struct {
	name   string
	nameAt int // offset of the quoted name in the document
	nameTo int
	value  value
}

// manyMembers is the number from which an object is looked up by a map.
const manyMembers = 16

// parse reads a JSON document down to a number of levels; 1 opens the
// outermost object or array only. It reports false for what is not JSON.
func parse(document []byte, levels int) (value, bool) {
	if !json.Valid(document) {
		return value{}, false
	}
	return parseValid(document, levels), true
}

// parseValid is parse for a document that is known to be valid JSON.
func parseValid(document []byte, levels int) value {
	s := scanner{doc: document}
	return s.value(levels)
}

// get returns the member of that exact name. Of several the last counts, as
// for most readers of JSON; nil if there is none.
func (v *value) get(name string) *value {
	if v.index != nil {
		if i, ok := v.index[name]; ok {
			return &v.members[i].value
		}
		return nil
	}
	for i := len(v.members) - 1; i >= 0; i-- {
		if v.members[i].name == name {
			return &v.members[i].value
		}
	}
	return nil
}

// text returns what a string says, and "" for any other value.
func (v *value) text() string {
	if v == nil || v.typ != stringType {
		return ""
	}
	return unquote(v.raw)
}

// isTrue reports whether v is the literal true.
func (v *value) isTrue() bool { return v != nil && v.typ == booleanType && v.raw[0] == 't' }

// boolean returns nil for what is not a boolean.
func (v *value) boolean() *bool {
	if v == nil || v.typ != booleanType {
		return nil
	}
	b := v.isTrue()
	return &b
}

// equal compares as JSON Schema does (core, section 4.2.2): numbers by what
// they are worth, objects without regard to order. spend is asked for leave
// before each comparison and ends it, unequal, by returning false.
func (v *value) equal(w *value, spend func(steps int) bool) bool {
	if !spend(1 + len(v.raw)/bytesPerStep) {
		return false
	}
	if v.folded || w.folded {
		return bytes.Equal(v.raw, w.raw)
	}
	if v.typ != w.typ || len(v.members) != len(w.members) || len(v.items) != len(w.items) {
		return false
	}
	switch v.typ {
	case stringType:
		return unquote(v.raw) == unquote(w.raw)
	case integerType, fractionType:
		return compareNumbers(v.raw, w.raw) == 0
	case arrayType:
		for i := range v.items {
			if !v.items[i].equal(&w.items[i], spend) {
				return false
			}
		}
		return true
	case objectType:
		for i := range v.members {
			other := w.get(v.members[i].name)
			if other == nil || !v.members[i].value.equal(other, spend) {
				return false
			}
		}
		return true
	}
	return bytes.Equal(v.raw, w.raw)
}

// A scanner walks valid JSON.
type scanner struct {
	doc []byte
	pos int
}

func (s *scanner) space() {
	for s.pos < len(s.doc) {
		switch s.doc[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

func (s *scanner) value(levels int) value {
	s.space()
	v := value{at: s.pos}
	switch s.doc[s.pos] {
	case '{':
		v.typ = objectType
		if v.folded = levels <= 0; v.folded {
			s.skipNested()
		} else {
			s.object(&v, levels)
		}
	case '[':
		v.typ = arrayType
		if v.folded = levels <= 0; v.folded {
			s.skipNested()
		} else {
			s.array(&v, levels)
		}
	case '"':
		v.typ = stringType
		s.skipString()
	case 't', 'f':
		v.typ = booleanType
		s.skipScalar()
	case 'n':
		v.typ = nullType
		s.skipScalar()
	default:
		s.skipScalar()
		v.typ = fractionType
		if isInteger(s.doc[v.at:s.pos]) {
			v.typ = integerType
		}
	}
	v.raw = s.doc[v.at:s.pos:s.pos]
	return v
}

func (s *scanner) object(v *value, levels int) {
	s.pos++ // {
	for s.space(); s.doc[s.pos] != '}'; s.space() {
		if s.doc[s.pos] == ',' {
			s.pos++
			s.space()
		}
		m := member{nameAt: s.pos}
		s.skipString()
		m.nameTo = s.pos
		m.name = unquote(s.doc[m.nameAt:m.nameTo])
		s.space()
		s.pos++ // :
		m.value = s.value(levels - 1)
		v.members = append(v.members, m)
	}
	s.pos++ // }
	if len(v.members) > manyMembers {
		v.index = make(map[string]int, len(v.members))
		for i, m := range v.members {
			v.index[m.name] = i
		}
	}
}

func (s *scanner) array(v *value, levels int) {
	s.pos++ // [
	for s.space(); s.doc[s.pos] != ']'; s.space() {
		if s.doc[s.pos] == ',' {
			s.pos++
		}
		v.items = append(v.items, s.value(levels-1))
	}
	s.pos++ // ]
}

func (s *scanner) skipString() {
	for s.pos++; s.doc[s.pos] != '"'; s.pos++ {
		if s.doc[s.pos] == '\\' {
			s.pos++
		}
	}
	s.pos++
}

func (s *scanner) skipScalar() {
	for s.pos < len(s.doc) {
		switch s.doc[s.pos] {
		case ',', ']', '}', ' ', '\t', '\n', '\r':
			return
		}
		s.pos++
	}
}

func (s *scanner) skipNested() {
	for depth := 0; ; {
		switch s.doc[s.pos] {
		case '"':
			s.skipString()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if s.pos++; depth == 0 {
			return
		}
	}
}

// unquote decodes a valid JSON string.
func unquote(quoted []byte) string {
	inner := quoted[1 : len(quoted)-1]
	plain := true
	for _, c := range inner {
		// Escapes, and bytes that may be invalid UTF-8, are the decoder's work.
		plain = plain && c != '\\' && c < 0x80
	}
	if plain {
		return string(inner)
	}
	var text string
	_ = json.Unmarshal(quoted, &text) // cannot fail: the document is valid
	return text
}

// isInteger reports whether a JSON number has no fraction: 7, 7.0 and 7e3 have
// none. It counts digits and never expands an exponent.
func isInteger(number []byte) bool {
	mantissa, exponent := number, 0
	if i := bytes.IndexAny(number, "eE"); i >= 0 {
		mantissa = number[:i]
		var err error
		if exponent, err = strconv.Atoi(string(number[i+1:])); err != nil {
			exponent = 1 // out of range: positive makes an integer of any mantissa
			if number[i+1] == '-' {
				return len(bytes.Trim(mantissa, "-0.")) == 0
			}
			return true
		}
	}
	if len(bytes.Trim(mantissa, "-0.")) == 0 {
		return true // zero
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte("."))
	if places := len(bytes.TrimRight(fraction, "0")); places > 0 {
		return places <= exponent
	}
	zeros := len(whole) - len(bytes.TrimRight(whole, "0"))
	return -zeros <= exponent
}

// Numbers beyond these are compared as float64: an exponent of nine digits
// would otherwise be expanded into a gigabyte.
const (
	maxExactDigits   = 1000
	maxExactExponent = 1000
)

// exact returns the number as a fraction, unless it is absurdly large.
func exact(number []byte) (*big.Rat, bool) {
	if len(number) > maxExactDigits {
		return nil, false
	}
	if i := bytes.IndexAny(number, "eE"); i >= 0 {
		e, err := strconv.Atoi(string(number[i+1:]))
		if err != nil || e > maxExactExponent || e < -maxExactExponent {
			return nil, false
		}
	}
	return new(big.Rat).SetString(string(number))
}

// compareNumbers orders two JSON numbers, exactly wherever that is feasible.
func compareNumbers(a, b []byte) int {
	if bytes.Equal(a, b) {
		return 0
	}
	if x, ok := exact(a); ok {
		if y, ok := exact(b); ok {
			return x.Cmp(y)
		}
	}
	x, _ := strconv.ParseFloat(string(a), 64) // out of range is ±Inf, which orders well
	y, _ := strconv.ParseFloat(string(b), 64)
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}
