package catalog

import (
	"encoding/json"
	"strings"
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

// String names a set of types, "string or null".
func (types jsonTypes) String() string {
	var names []string
	for _, t := range []struct {
		types jsonTypes
		name  string
	}{
		{stringType, "string"}, {numberType, "number"}, {integerType, "integer"}, {booleanType, "boolean"},
		{arrayType, "array"}, {objectType, "object"}, {nullType, "null"},
	} {
		if types&t.types == t.types {
			names = append(names, t.name)
			types &^= t.types
		}
	}
	if len(names) == 0 {
		return "nothing"
	}
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

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
