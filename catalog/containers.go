package catalog

import "slices"

func (e *evaluation) array(n *node, v *value, at *location, seen *marks) *failure {
	switch count := len(v.items); {
	case count < n.count.min:
		return failed(at, "%s, at least %d wanted", plural(count, "item"), n.count.min)
	case count > n.count.max:
		return failed(at, "%s, at most %d wanted", plural(count, "item"), n.count.max)
	}
	for i := range v.items {
		item := n.rest
		if i < len(n.prefix) {
			item = n.prefix[i]
		}
		if item == nil {
			break
		}
		seen.item(i)
		if f := e.inside(item, &v.items[i], &location{parent: at, index: i, item: true}, seen); f != nil {
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

func (e *evaluation) unique(v *value, at *location) *failure {
	for i := range v.items {
		for j := range i {
			if equal(&v.items[i], &v.items[j], e.spend) {
				return failed(&location{parent: at, index: i, item: true}, "the same as item %d, all must differ", j)
			}
		}
		if e.left < 0 {
			return nil
		}
	}
	return nil
}

func (e *evaluation) contains(n *node, v *value, at *location, seen *marks) *failure {
	found, unsure := 0, e.unsure
	for i := range v.items {
		if e.inside(n.contains, &v.items[i], &location{parent: at, index: i, item: true}, seen) == nil {
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

func (e *evaluation) object(n *node, v *value, at *location, seen *marks) *failure {
	if f := e.members(n, v, at); f != nil {
		return f
	}
	for i := range v.members {
		m := &v.members[i]
		if !e.spend(1) {
			return nil
		}
		here := &location{parent: at, name: m.name}
		if n.names != nil {
			name := value{raw: quote(m.name), typ: stringType}
			if f := e.inside(n.names, &name, here, seen); f != nil {
				return failed(at, "the name %s is not allowed: %s", showName(m.name), f.problem())
			}
		}
		known, f := e.member(n, m, here, seen)
		if f != nil {
			return f
		}
		if known {
			seen.member(m.name)
			continue
		}
		if n.additional == nil {
			continue
		}
		seen.member(m.name)
		if n.additional.never {
			return unknownMember(at, m.name, n)
		}
		if f := e.inside(n.additional, &m.value, here, seen); f != nil {
			return f
		}
	}
	for _, d := range n.dependentSchemas {
		if v.get(d.name) != nil {
			if f := e.within(d.node, v, at, seen); f != nil {
				return f
			}
		}
	}
	return nil
}

// members checks which members there are.
func (e *evaluation) members(n *node, v *value, at *location) *failure {
	var missing []string
	for _, name := range n.required {
		if v.get(name) == nil && !slices.Contains(missing, name) {
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
		if v.get(d.name) == nil {
			continue
		}
		for _, name := range d.needs {
			if v.get(name) == nil {
				return failed(at, "%s needs %s as well", showName(d.name), showName(name))
			}
		}
	}
	switch size := len(v.members); {
	case size < n.size.min:
		return failed(at, "has %s, at least %d wanted", plural(size, "member"), n.size.min)
	case size > n.size.max:
		return failed(at, "has %s, at most %d wanted", plural(size, "member"), n.size.max)
	}
	return nil
}

// member applies what a schema says of one member by its name, and reports
// whether it says anything.
func (e *evaluation) member(n *node, m *member, at *location, seen *marks) (known bool, f *failure) {
	if p := n.byName[m.name]; p != nil {
		known = true
		if f := e.inside(p, &m.value, at, seen); f != nil {
			return true, f
		}
	}
	for _, p := range n.patterns {
		if !e.spend(1) {
			return true, nil
		}
		unsure := e.unsure
		if !e.matches(p.pattern, m.name) {
			continue
		}
		known = true
		if e.unsure != unsure {
			continue // whether the schema is meant for this name is not known
		}
		if f := e.inside(p.node, &m.value, at, seen); f != nil {
			return true, f
		}
	}
	return known, nil
}

// unevaluated applies a schema to the members and items that no other keyword
// of this or an inner subschema has evaluated.
func (e *evaluation) unevaluated(n *node, v *value, at *location, seen *marks) *failure {
	if n.unevaluatedMembers != nil {
		for i := range v.members {
			m := &v.members[i]
			if seen.members[m.name] {
				continue
			}
			seen.member(m.name)
			if n.unevaluatedMembers.never {
				return unknownMember(at, m.name, n)
			}
			if f := e.inside(n.unevaluatedMembers, &m.value, &location{parent: at, name: m.name}, seen); f != nil {
				return f
			}
		}
	}
	if n.unevaluatedItems != nil {
		for i := range v.items {
			if seen.items[i] {
				continue
			}
			seen.item(i)
			if f := e.inside(n.unevaluatedItems, &v.items[i], &location{parent: at, index: i, item: true}, seen); f != nil {
				return f
			}
		}
	}
	return nil
}
