package rawjson

import (
	"encoding/json"
	"strings"
)

// Types is a set of the types of JSON Schema. "integer" is a part of
// "number" there, so a number without fraction has the type integer alone and
// the keyword "number" stands for both.
type Types uint8

const (
	Null Types = 1 << iota
	Boolean
	Integer
	Fraction
	String
	Array
	Object

	Number = Integer | Fraction
	Scalar = Boolean | Number | String
	Any    = Null | Scalar | Array | Object
)

// String names a set of types, "string or null".
func (types Types) String() string {
	var names []string
	for _, t := range []struct {
		types Types
		name  string
	}{
		{String, "string"}, {Number, "number"}, {Integer, "integer"}, {Boolean, "boolean"},
		{Array, "array"}, {Object, "object"}, {Null, "null"},
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

// A Value is one JSON value as it stands in a document: its bytes, its place
// and its members in the order written. Nothing is converted, so that numbers
// keep their digits and names their spelling.
type Value struct {
	Raw     json.RawMessage
	At      int   // offset of Raw in the document
	Type    Types // exactly one
	Unread  bool  // deeper than it was read: members and items are missing
	Members []Member
	Items   []Value
	index   map[string]int // of members, where there are many
}

// A Member is one member of an object.
type Member struct {
	Name   string
	NameAt int // offset of the quoted name in the document
	NameTo int
	Value  Value
}

// manyMembers is the number from which an object is looked up by a map.
const manyMembers = 16

// Parse reads a JSON document down to a number of levels; 1 opens the
// outermost object or array only. It reports false for what is not JSON.
func Parse(document []byte, levels int) (Value, bool) {
	if !json.Valid(document) {
		return Value{}, false
	}
	return ParseValid(document, levels), true
}

// ParseValid is Parse for a document that is known to be valid JSON.
func ParseValid(document []byte, levels int) Value {
	s := scanner{doc: document}
	return s.value(levels)
}

// Get returns the member of that exact name. Of several the last counts, as
// for most readers of JSON; nil if there is none.
func (v *Value) Get(name string) *Value {
	if v.index != nil {
		if i, ok := v.index[name]; ok {
			return &v.Members[i].Value
		}
		return nil
	}
	for i := len(v.Members) - 1; i >= 0; i-- {
		if v.Members[i].Name == name {
			return &v.Members[i].Value
		}
	}
	return nil
}

// Text returns what a string says, and "" for any other value.
func (v *Value) Text() string {
	if v == nil || v.Type != String {
		return ""
	}
	return unquote(v.Raw)
}

// IsTrue reports whether v is the literal true.
func (v *Value) IsTrue() bool { return v != nil && v.Type == Boolean && v.Raw[0] == 't' }

// Bool returns nil for what is not a boolean.
func (v *Value) Bool() *bool {
	if v == nil || v.Type != Boolean {
		return nil
	}
	b := v.IsTrue()
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

func (s *scanner) value(levels int) Value {
	s.space()
	v := Value{At: s.pos}
	switch s.doc[s.pos] {
	case '{':
		v.Type = Object
		if v.Unread = levels <= 0; v.Unread {
			s.skipNested()
		} else {
			s.object(&v, levels)
		}
	case '[':
		v.Type = Array
		if v.Unread = levels <= 0; v.Unread {
			s.skipNested()
		} else {
			s.array(&v, levels)
		}
	case '"':
		v.Type = String
		s.skipString()
	case 't', 'f':
		v.Type = Boolean
		s.skipScalar()
	case 'n':
		v.Type = Null
		s.skipScalar()
	default:
		s.skipScalar()
		v.Type = Fraction
		if isInteger(s.doc[v.At:s.pos]) {
			v.Type = Integer
		}
	}
	v.Raw = s.doc[v.At:s.pos:s.pos]
	return v
}

func (s *scanner) object(v *Value, levels int) {
	s.pos++ // {
	for s.space(); s.doc[s.pos] != '}'; s.space() {
		if s.doc[s.pos] == ',' {
			s.pos++
			s.space()
		}
		m := Member{NameAt: s.pos}
		s.skipString()
		m.NameTo = s.pos
		m.Name = unquote(s.doc[m.NameAt:m.NameTo])
		s.space()
		s.pos++ // :
		m.Value = s.value(levels - 1)
		v.Members = append(v.Members, m)
	}
	s.pos++ // }
	if len(v.Members) > manyMembers {
		v.index = make(map[string]int, len(v.Members))
		for i, m := range v.Members {
			v.index[m.Name] = i
		}
	}
}

func (s *scanner) array(v *Value, levels int) {
	s.pos++ // [
	for s.space(); s.doc[s.pos] != ']'; s.space() {
		if s.doc[s.pos] == ',' {
			s.pos++
		}
		v.Items = append(v.Items, s.value(levels-1))
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
