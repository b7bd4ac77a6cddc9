package jmespath

import (
	"bytes"

	"mcpproxy/upstream/raw"
)

// JSON returns the value as compact JSON. It reads no more than what gives about
// room bytes: whole is false if the text is longer, of which it is then the
// beginning.
func (v Value) JSON(room int) (text []byte, whole bool) {
	w := writer{room: room}
	w.write(v.v)
	return w.buf.Bytes(), w.room >= 0
}

// A writer writes JSON until there is no room.
type writer struct {
	buf  bytes.Buffer
	room int // bytes; below 0 once something was left out
	read int // bytes of the document, and values
}

func (w *writer) put(s []byte) {
	if w.room -= len(s); w.room < 0 {
		s = s[:max(0, len(s)+w.room)]
		w.room = -1
	}
	w.buf.Write(s)
}

func (w *writer) write(v value) {
	if w.room < 0 {
		return
	}
	w.read++
	switch v := v.(type) {
	case document:
		w.compact(v)
	case decimal:
		w.put([]byte(v))
	case []value:
		w.put([]byte("["))
		for i := 0; i < len(v) && w.room >= 0; i++ {
			if i > 0 {
				w.put([]byte(","))
			}
			w.write(v[i])
		}
		w.put([]byte("]"))
	case *object:
		w.put([]byte("{"))
		for i := 0; i < len(v.names) && w.room >= 0; i++ {
			if i > 0 {
				w.put([]byte(","))
			}
			w.put(append(raw.Encode(v.names[i]), ':'))
			w.write(v.values[i])
		}
		w.put([]byte("}"))
	case reference:
		w.put([]byte("null"))
	case string:
		w.put(raw.Encode(v[:min(len(v), w.room+1)]))
	default: // nil or a bool
		w.put(raw.Encode(v))
	}
}

// compact writes a piece of the document without the space between its tokens.
func (w *writer) compact(d document) {
	inString, from, i := false, 0, 0
	for ; i < len(d) && w.room >= i-from; i++ {
		switch c := d[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case !inString && isSpace(c):
			w.put(d[from:i])
			for i+1 < len(d) && isSpace(d[i+1]) {
				i++
			}
			from = i + 1
		}
	}
	w.read += min(i, len(d))
	w.put(d[from:])
}

// isSpace reports the space between tokens (RFC 8259, section 2).
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
