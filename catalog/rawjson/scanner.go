package rawjson

import "encoding/json"

// A scanner walks a document that is valid JSON, so it looks for no errors.
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

// unquote decodes a JSON string.
func unquote(quoted []byte) string {
	inner := quoted[1 : len(quoted)-1]
	plain := true
	for _, c := range inner {
		// The decoder handles escapes and bytes that may be invalid UTF-8.
		plain = plain && c != '\\' && c < 0x80
	}
	if plain {
		return string(inner)
	}
	var text string
	_ = json.Unmarshal(quoted, &text) // cannot fail: the document is valid
	return text
}
