package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A placeholder is ${env:NAME} or ${env:NAME:-default}, in any string value of
// an entry. As in a shell, the default holds where the variable is not set or
// empty; it ends at the first "}" and is taken literally. $${ stands for the
// text ${. What other hosts would substitute is an error, because a server would
// get it as it is (see foreign.go). Other uses of "$" are left alone, and values
// are not expanded again.
//
// os.Expand does not serve: it also replaces $NAME and $$, and drops the "${" of
// a broken placeholder without an error.
type placeholder struct {
	name       string
	fallback   string
	hasDefault bool
}

const (
	opening = "${"
	env     = "env:" // after opening
)

var errUnclosed = errors.New(`${env: without a closing "}"`)

// expand replaces each placeholder in s by what value returns for it, and the
// text between them by what literal returns, if that is not nil.
func expand(s string, literal func(string) string, value func(placeholder) (string, error)) (string, error) {
	if err := foreignIn(s); err != nil {
		return "", err
	}
	if literal == nil {
		if !strings.Contains(s, opening) {
			return s, nil
		}
		literal = func(s string) string { return s }
	}
	var out, text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			out.WriteString(literal(text.String()))
			text.Reset()
		}
	}
	for {
		before, rest, found := strings.Cut(s, opening)
		if !found {
			text.WriteString(s)
			flush()
			return out.String(), nil
		}
		if plain, escaped := strings.CutSuffix(before, "$"); escaped {
			text.WriteString(plain + opening)
			s = rest
			continue
		}
		inside, ours := strings.CutPrefix(rest, env)
		if !ours {
			if m := foreign().FindStringSubmatch(rest); m != nil {
				name := foreignName(m[1])
				found := &foreignError{text: opening + name + "}", rest: rest[len(m[0]):]}
				if name == strings.ToUpper(name) && !strings.Contains(name, "…") {
					found.name = name
				}
				return "", found
			}
			text.WriteString(before + opening)
			s = rest
			continue
		}
		inner, after, closed := strings.Cut(inside, "}")
		if !closed {
			return "", errUnclosed
		}
		p, err := parsePlaceholder(inner)
		if err != nil {
			return "", err
		}
		v, err := value(p)
		if err != nil {
			return "", err
		}
		text.WriteString(before)
		flush()
		out.WriteString(v)
		s = after
	}
}

func parsePlaceholder(inner string) (placeholder, error) {
	var p placeholder
	p.name, p.fallback, p.hasDefault = strings.Cut(inner, ":-")
	if !validVariable(p.name) {
		return p, errors.New("${env:…} without a valid variable name")
	}
	if strings.Contains(p.fallback, opening) {
		return p, errors.New("a default cannot hold another ${…}")
	}
	return p, nil
}

// validVariable reports whether an environment variable of that name can be
// set. Windows has names such as "ProgramFiles(x86)".
func validVariable(name string) bool {
	bad := func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`=:${}"`, r) }
	return name != "" && !strings.ContainsFunc(name, bad)
}

// hasPlaceholder reports whether s holds a placeholder, valid or not.
func hasPlaceholder(s string) bool {
	n := 0
	_, err := expand(s, nil, func(placeholder) (string, error) { n++; return "", nil })
	return n > 0 || err != nil
}

// A MissingVariableError says that a placeholder without default names an
// environment variable that is not set.
type MissingVariableError struct {
	Server   string
	Variable string
	Field    string // such as "headers.X-API-Key" or "args[0]"
}

func (e *MissingVariableError) Error() string {
	return fmt.Sprintf("environment variable %s, which %q of server %q needs, is not set", e.Variable, e.Field, e.Server)
}

// mapStrings returns a deep copy of v in which f was applied to each string
// value, by its field. Keys of maps stay as they are.
func mapStrings[T any](v T, f func(field, s string) (string, error)) (T, error) {
	out := reflect.New(reflect.TypeFor[T]()).Elem()
	out.Set(reflect.ValueOf(&v).Elem())
	err := mapValue(out, "", f)
	return out.Interface().(T), err
}

// mapValue changes v in place. It first copies what v shares with the original.
func mapValue(v reflect.Value, field string, f func(field, s string) (string, error)) error {
	switch v.Kind() {
	case reflect.String:
		s, err := f(field, v.String())
		v.SetString(s)
		return err
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		p := reflect.New(v.Type().Elem())
		p.Elem().Set(v.Elem())
		v.Set(p)
		return mapValue(p.Elem(), field, f)
	case reflect.Struct:
		for i := range v.NumField() {
			t := v.Type().Field(i)
			if !t.IsExported() {
				continue
			}
			name := field
			if key := jsonKey(t); key != "" {
				name = join(field, key)
			}
			if err := mapValue(v.Field(i), name, f); err != nil {
				return err
			}
		}
	case reflect.Slice:
		if v.IsNil() {
			return nil
		}
		list := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(list, v)
		v.Set(list)
		for i := range list.Len() {
			if err := mapValue(list.Index(i), fmt.Sprintf("%s[%d]", field, i), f); err != nil {
				return err
			}
		}
	case reflect.Map:
		return mapTable(v, field, f)
	}
	return nil
}

func mapTable(v reflect.Value, field string, f func(field, s string) (string, error)) error {
	if v.IsNil() {
		return nil
	}
	table := reflect.MakeMapWithSize(v.Type(), v.Len())
	keys := v.MapKeys()
	// In order, so that the first error is always the same.
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, key := range keys {
		element := reflect.New(v.Type().Elem()).Elem()
		element.Set(v.MapIndex(key))
		if err := mapValue(element, join(field, key.String()), f); err != nil {
			return err
		}
		table.SetMapIndex(key, element)
	}
	v.Set(table)
	return nil
}
