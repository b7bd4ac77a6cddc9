package rawjson

import (
	"encoding/json"
	"strings"
)

// Types is a set of the types of JSON Schema (validation, section 6.1.1), in
// which "number" includes "integer": a number is an Integer or a Fraction, and
// Number is the set of both.
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

// String returns the names of the types, as in "string or null".
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

// A Value is one JSON value as it stands in a document: its bytes, its place, and
// its members or items in the order written. Its bytes are a slice of the
// document's.
type Value struct {
	Raw     json.RawMessage
	At      int   // offset of Raw in the document, in bytes
	Type    Types // exactly one
	Unread  bool  // nested deeper than Parse was to read, so Members and Items are missing
	Members []Member
	Items   []Value
	index   map[string]int // of Members by name, if there are many
}

// A Member is one member of an object. The quoted name stands in the document
// from offset NameAt to NameTo.
type Member struct {
	Name   string // decoded
	NameAt int
	NameTo int
	Value  Value
}

// manyMembers is the number of members above which an object has an index.
const manyMembers = 16

// Parse reads a document down to that many levels; 1 reads the members or items of
// the outermost value only. ok is false if the document is not JSON.
func Parse(document []byte, levels int) (v Value, ok bool) {
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

// Get returns the member of exactly that name, or nil if there is none. The last
// of several counts, as most readers of JSON have it.
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

// Text returns a string decoded, and "" for nil and any other value.
func (v *Value) Text() string {
	if v == nil || v.Type != String {
		return ""
	}
	return unquote(v.Raw)
}

// IsTrue reports whether v is true; nil is not.
func (v *Value) IsTrue() bool { return v != nil && v.Type == Boolean && v.Raw[0] == 't' }

// Bool returns a boolean, and nil for nil and any other value.
func (v *Value) Bool() *bool {
	if v == nil || v.Type != Boolean {
		return nil
	}
	b := v.IsTrue()
	return &b
}
