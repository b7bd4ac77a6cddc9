package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/tailscale/hujson"

	"mcpproxy/catalog/names"
	"mcpproxy/upstream"
)

// A decoder fills Go values from parsed text, strictly: the known keys are
// those of the structs, and each may stand once. A setting and a member
// that are null are absent; null in a list is an error.
//
// encoding/json does not serve: it accepts repeated keys and keys in another
// case, gives no place for an unknown key, stops at the first problem, and quotes
// numbers in its errors.
type decoder struct {
	src *source
	// prefix starts each message: `server "github": `, or nothing.
	prefix string
	// lines holds the line of each value by its field, as in
	// "headers.Accept" or "args[0]", for the problems of later checks.
	lines map[string]int
	keys  map[reflect.Type]map[string][]int // results of keysOf
	// broken holds the fields that could not be decoded, and those around them.
	// It holds the name of an object with a dot if a key in it is not known.
	broken   map[string]bool
	problems collection
}

func (d *decoder) fail(v hujson.Value, hint, format string, args ...any) *Problem {
	p := d.src.problem(v.StartOffset, hint, format, args...)
	p.Message = d.prefix + p.Message
	return p
}

// refuse reports a problem, and that the value is not decoded.
func (d *decoder) refuse(v hujson.Value, hint, format string, args ...any) bool {
	d.problems.add(d.fail(v, hint, format, args...))
	return false
}

// decode reports whether all of the value could be decoded. If not, it has
// reported each problem, and decoded the rest.
func (d *decoder) decode(v hujson.Value, dst reflect.Value, field string) bool {
	ok := d.value(v, dst, field)
	if !ok {
		d.broken[field] = true
	}
	if field != "" {
		d.lines[field] = d.src.line(v.StartOffset)
	}
	return ok
}

func (d *decoder) value(v hujson.Value, dst reflect.Value, field string) bool {
	if _, ok := dst.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return d.text(v, dst, field)
	}
	switch dst.Kind() {
	case reflect.Pointer:
		p := reflect.New(dst.Type().Elem())
		dst.Set(p)
		return d.value(v, p.Elem(), field)
	case reflect.Struct:
		return d.object(v, dst, field)
	case reflect.Slice:
		return d.list(v, dst, field)
	case reflect.Map:
		return d.table(v, dst, field)
	}
	lit, ok := v.Value.(hujson.Literal)
	if !ok || lit.Kind() == 'n' || json.Unmarshal(lit, dst.Addr().Interface()) != nil {
		return d.wrongType(v, dst, field)
	}
	return true
}

// text fills a value that decodes itself from a string, such as a duration.
func (d *decoder) text(v hujson.Value, dst reflect.Value, field string) bool {
	lit, ok := v.Value.(hujson.Literal)
	if !ok || lit.Kind() != '"' {
		return d.wrongType(v, dst, field)
	}
	if strings.Contains(lit.String(), "${env:") {
		return d.refuse(v, "write the value itself", "%q takes no placeholders", field)
	}
	if dst.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(lit.String())) != nil {
		return d.refuse(v, "", "%q must be %s", field, wanted(dst.Type()))
	}
	return true
}

func (d *decoder) object(v hujson.Value, dst reflect.Value, field string) bool {
	object, ok := v.Value.(*hujson.Object)
	if !ok {
		return d.wrongType(v, dst, field)
	}
	return d.members(object, field, func(key string, name, value hujson.Value) bool {
		keys := d.keysOf(dst.Type())
		index, known := keys[key]
		if !known {
			d.broken[field+"."] = true
			return d.unknownKey(name, key, field, slices.Sorted(maps.Keys(keys)))
		}
		if value.Value.Kind() == 'n' {
			return true
		}
		return d.decode(value, dst.FieldByIndex(index), join(field, key))
	})
}

// members calls fn for each member, and refuses a key that stands twice.
func (d *decoder) members(object *hujson.Object, field string, fn func(key string, name, value hujson.Value) bool) bool {
	ok := true
	lines := make(map[string]int, len(object.Members))
	for _, m := range object.Members {
		key := m.Name.Value.(hujson.Literal).String()
		if line, twice := lines[key]; twice {
			ok = d.refuse(m.Name, "keep one of them", "%q appears twice, first in line %d", join(field, key), line)
			continue
		}
		lines[key] = d.src.line(m.Name.StartOffset)
		ok = fn(key, m.Name, m.Value) && ok
	}
	return ok
}

func (d *decoder) unknownKey(at hujson.Value, key, field string, known []string) bool {
	hint := "known keys: " + strings.Join(known, ", ")
	if near := names.Nearest(key, known, 1); len(near) > 0 {
		hint = fmt.Sprintf("did you mean %q?", near[0])
	}
	in := ""
	if field != "" {
		in = fmt.Sprintf(" in %q", field)
	}
	return d.refuse(at, hint, "unknown key %q%s", key, in)
}

func (d *decoder) list(v hujson.Value, dst reflect.Value, field string) bool {
	array, ok := v.Value.(*hujson.Array)
	if !ok {
		return d.wrongType(v, dst, field)
	}
	dst.Set(reflect.MakeSlice(dst.Type(), len(array.Elements), len(array.Elements)))
	ok = true
	for i, e := range array.Elements {
		element := fmt.Sprintf("%s[%d]", field, i)
		if e.Value.Kind() == 'n' {
			d.broken[field], d.broken[element] = true, true
			ok = d.refuse(e, "remove it, or write a string", "%q is null", element)
		} else {
			ok = d.decode(e, dst.Index(i), element) && ok
		}
	}
	return ok
}

func (d *decoder) table(v hujson.Value, dst reflect.Value, field string) bool {
	object, ok := v.Value.(*hujson.Object)
	if !ok {
		return d.wrongType(v, dst, field)
	}
	dst.Set(reflect.MakeMapWithSize(dst.Type(), len(object.Members)))
	return d.members(object, field, func(key string, _, value hujson.Value) bool {
		if value.Value.Kind() == 'n' {
			return true
		}
		element := reflect.New(dst.Type().Elem()).Elem()
		ok := d.decode(value, element, join(field, key))
		dst.SetMapIndex(reflect.ValueOf(key), element)
		return ok
	})
}

func (d *decoder) wrongType(v hujson.Value, dst reflect.Value, field string) bool {
	hint := ""
	if dst.Kind() == reflect.String && slices.Contains([]hujson.Kind{'0', 't', 'f'}, v.Value.Kind()) {
		hint = "put the value in double quotes"
	}
	subject := "the entry"
	if field != "" {
		subject = fmt.Sprintf("%q", field)
	}
	if v.Value.Kind() == '0' && dst.Kind() == reflect.Int {
		return d.refuse(v, hint, "%s must be %s", subject, wanted(dst.Type()))
	}
	return d.refuse(v, hint, "%s must be %s, not %s", subject, wanted(dst.Type()), kindOf(v.Value))
}

// wanted returns in words what a setting of that type holds.
func wanted(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[upstream.Duration]():
		return `a duration such as "90s" or "10m"`
	case t.Kind() == reflect.String:
		return "a string"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int:
		return "a whole number"
	case t.Kind() == reflect.Slice:
		return "a list of strings"
	case t.Kind() == reflect.Map:
		return "an object of strings"
	}
	return "an object"
}

// keysOf returns the JSON keys of a struct, including those of embedded structs,
// with the index of the field that each fills.
func (d *decoder) keysOf(t reflect.Type) map[string][]int {
	if keys, ok := d.keys[t]; ok {
		return keys
	}
	keys := make(map[string][]int)
	for _, f := range reflect.VisibleFields(t) {
		if key := jsonKey(f); key != "" {
			keys[key] = f.Index
		}
	}
	d.keys[t] = keys
	return keys
}

// jsonKey returns the key of a field. An embedded struct has none and gives "".
func jsonKey(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if !f.IsExported() || key == "-" {
		return ""
	}
	return key
}

func join(field, key string) string {
	if field == "" {
		return key
	}
	return field + "." + key
}
