package schema

import (
	"slices"

	"mcpproxy/catalog/rawjson"
)

func (e *evaluation) array(n *node, v *rawjson.Value, at *location, seen *marks) *failure {
	switch count := len(v.Items); {
	case count < n.count.min:
		return failed(at, "%s, at least %d wanted", plural(count, "item"), n.count.min)
	case count > n.count.max:
		return failed(at, "%s, at most %d wanted", plural(count, "item"), n.count.max)
	}
	for i := range v.Items {
		item := n.rest
		if i < len(n.prefix) {
			item = n.prefix[i]
		}
		if item == nil {
			break
		}
		seen.item(i)
		if f := e.inside(item, &v.Items[i], &location{parent: at, index: i, item: true}, seen); f != nil {
			return f
		}
	}
	if n.unique {
		if f := e.unique(v, at); f != nil {
			return f
		}
	}
	if n.contains != nil {
		if f := e.contains(n, v, at, seen); f != nil {
			return f
		}
	}
	return nil
}

func (e *evaluation) unique(v *rawjson.Value, at *location) *failure {
	for i := range v.Items {
		for j := range i {
			if equal(&v.Items[i], &v.Items[j], e.spend) {
				return failed(&location{parent: at, index: i, item: true}, "the same as item %d, all must differ", j)
			}
		}
		if e.left < 0 {
			return nil
		}
	}
	return nil
}

func (e *evaluation) contains(n *node, v *rawjson.Value, at *location, seen *marks) *failure {
	found, unsure := 0, e.unsure
	for i := range v.Items {
		if e.inside(n.contains, &v.Items[i], &location{parent: at, index: i, item: true}, seen) == nil {
			found++
			seen.item(i)
		}
	}
	switch {
	case found < n.containing.min:
		return failed(at, "%s of the kind wanted, at least %d must be", plural(found, "item"), n.containing.min)
	case found > n.containing.max && e.unsure == unsure:
		return failed(at, "%s of a kind that may occur at most %d times", plural(found, "item"), n.containing.max)
	}
	return nil
}

func (e *evaluation) object(n *node, v *rawjson.Value, at *location, seen *marks) *failure {
	if f := e.members(n, v, at); f != nil {
		return f
	}
	for i := range v.Members {
		m := &v.Members[i]
		if !e.spend(1) {
			return nil
		}
		here := &location{parent: at, name: m.Name}
		if n.names != nil {
			name := rawjson.Value{Raw: quote(m.Name), Type: rawjson.String}
			if f := e.inside(n.names, &name, here, seen); f != nil {
				return failed(at, "the name %s is not allowed: %s", showName(m.Name), f.problem())
			}
		}
		known, f := e.member(n, m, here, seen)
		if f != nil {
			return f
		}
		if known {
			seen.member(m.Name)
			continue
		}
		if n.additional == nil {
			continue
		}
		seen.member(m.Name)
		if n.additional.never {
			return unknownMember(at, m.Name, n)
		}
		if f := e.inside(n.additional, &m.Value, here, seen); f != nil {
			return f
		}
	}
	for _, d := range n.dependentSchemas {
		if v.Get(d.name) != nil {
			if f := e.within(d.node, v, at, seen); f != nil {
				return f
			}
		}
	}
	return nil
}

// members checks which members there are.
func (e *evaluation) members(n *node, v *rawjson.Value, at *location) *failure {
	var missing []string
	for _, name := range n.required {
		if v.Get(name) == nil && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
		if !e.spend(1) {
			return nil
		}
	}
	if missing != nil {
		return missingMembers(at, missing, n, v)
	}
	for _, d := range n.dependentRequired {
		if v.Get(d.name) == nil {
			continue
		}
		for _, name := range d.needs {
			if v.Get(name) == nil {
				return failed(at, "%s needs %s as well", showName(d.name), showName(name))
			}
		}
	}
	switch size := len(v.Members); {
	case size < n.size.min:
		return failed(at, "has %s, at least %d wanted", plural(size, "member"), n.size.min)
	case size > n.size.max:
		return failed(at, "has %s, at most %d wanted", plural(size, "member"), n.size.max)
	}
	return nil
}

// member applies what a schema says of one member by its name, and reports
// whether it says anything.
func (e *evaluation) member(n *node, m *rawjson.Member, at *location, seen *marks) (known bool, f *failure) {
	if p := n.byName[m.Name]; p != nil {
		known = true
		if f := e.inside(p, &m.Value, at, seen); f != nil {
			return true, f
		}
	}
	for _, p := range n.patterns {
		if !e.spend(1) {
			return true, nil
		}
		unsure := e.unsure
		if !e.matches(p.pattern, m.Name) {
			continue
		}
		known = true
		if e.unsure != unsure {
			continue // whether the schema is meant for this name is not known
		}
		if f := e.inside(p.node, &m.Value, at, seen); f != nil {
			return true, f
		}
	}
	return known, nil
}

// unevaluated applies a schema to the members and items that no other keyword
// of this or an inner subschema has evaluated.
func (e *evaluation) unevaluated(n *node, v *rawjson.Value, at *location, seen *marks) *failure {
	if n.unevaluatedMembers != nil {
		for i := range v.Members {
			m := &v.Members[i]
			if seen.members[m.Name] {
				continue
			}
			seen.member(m.Name)
			if n.unevaluatedMembers.never {
				return unknownMember(at, m.Name, n)
			}
			if f := e.inside(n.unevaluatedMembers, &m.Value, &location{parent: at, name: m.Name}, seen); f != nil {
				return f
			}
		}
	}
	if n.unevaluatedItems != nil {
		for i := range v.Items {
			if seen.items[i] {
				continue
			}
			seen.item(i)
			if f := e.inside(n.unevaluatedItems, &v.Items[i], &location{parent: at, index: i, item: true}, seen); f != nil {
				return f
			}
		}
	}
	return nil
}
