package schema

import "mcpproxy/catalog/rawjson"

func (e *evaluation) array(n *node, v *rawjson.Value, at *location, seen *annotations) *failure {
	switch count := len(v.Items); {
	case count < n.itemCount.min:
		return failed(at, "%s, at least %d wanted", plural(count, "item"), n.itemCount.min)
	case count > n.itemCount.max:
		return failed(at, "%s, at most %d wanted", plural(count, "item"), n.itemCount.max)
	}
	for i := range v.Items {
		item := n.items
		if i < len(n.prefixItems) {
			item = n.prefixItems[i]
		}
		if item == nil {
			break
		}
		seen.addItem(i)
		if f := e.child(item, &v.Items[i], &location{parent: at, index: i, item: true}, seen); f != nil {
			return f
		}
	}
	if n.uniqueItems {
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
		if e.stepsLeft < 0 {
			return nil
		}
	}
	return nil
}

func (e *evaluation) contains(n *node, v *rawjson.Value, at *location, seen *annotations) *failure {
	found, undecided := 0, e.undecided
	for i := range v.Items {
		if e.child(n.contains, &v.Items[i], &location{parent: at, index: i, item: true}, seen) == nil {
			found++
			seen.addItem(i)
		}
	}
	switch {
	case found < n.containsCount.min:
		return failed(at, "%s of the kind wanted, at least %d must be", plural(found, "item"), n.containsCount.min)
	case found > n.containsCount.max && e.undecided == undecided:
		return failed(at, "%s of a kind that may occur at most %d times", plural(found, "item"), n.containsCount.max)
	}
	return nil
}

func (e *evaluation) object(n *node, v *rawjson.Value, at *location, seen *annotations) *failure {
	if f := e.members(n, v, at); f != nil {
		return f
	}
	for i := range v.Members {
		m := &v.Members[i]
		if !e.spend(1) {
			return nil
		}
		here := &location{parent: at, name: m.Name}
		if n.propertyNames != nil {
			name := rawjson.Value{Raw: quote(m.Name), Type: rawjson.String}
			if f := e.child(n.propertyNames, &name, here, seen); f != nil {
				return failed(at, "the name %s is not allowed: %s", showName(m.Name), f.problem())
			}
		}
		known, f := e.member(n, m, here, seen)
		if f != nil {
			return f
		}
		if known {
			seen.addMember(m.Name)
			continue
		}
		if n.additionalProperties == nil {
			continue
		}
		seen.addMember(m.Name)
		if n.additionalProperties.never {
			return unknownMember(at, m.Name, n)
		}
		if f := e.child(n.additionalProperties, &m.Value, here, seen); f != nil {
			return f
		}
	}
	for _, d := range n.dependentSchemas {
		if v.Get(d.name) != nil {
			if f := e.inPlace(d.node, v, at, seen); f != nil {
				return f
			}
		}
	}
	return nil
}

// members checks which members an object has, and how many.
func (e *evaluation) members(n *node, v *rawjson.Value, at *location) *failure {
	var missing []string
	known := make(map[string]bool) // of missing
	for _, name := range n.required {
		if v.Get(name) == nil && !known[name] {
			known[name] = true
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
			if !e.spend(1) {
				return nil
			}
			if v.Get(name) == nil {
				return failed(at, "%s needs %s as well", showName(d.name), showName(name))
			}
		}
	}
	switch size := len(v.Members); {
	case size < n.memberCount.min:
		return failed(at, "has %s, at least %d wanted", plural(size, "member"), n.memberCount.min)
	case size > n.memberCount.max:
		return failed(at, "has %s, at most %d wanted", plural(size, "member"), n.memberCount.max)
	}
	return nil
}

// member applies properties and patternProperties to a member. known reports
// whether one of them covers its name.
func (e *evaluation) member(n *node, m *rawjson.Member, at *location, seen *annotations) (known bool, f *failure) {
	if p := n.byName[m.Name]; p != nil {
		known = true
		if f := e.child(p, &m.Value, at, seen); f != nil {
			return true, f
		}
	}
	for _, p := range n.patternProperties {
		if !e.spend(1) {
			return true, nil
		}
		undecided := e.undecided
		if !e.matches(p.pattern, m.Name) {
			continue
		}
		known = true
		if e.undecided != undecided {
			continue // the pattern may not match this name
		}
		if f := e.child(p.node, &m.Value, at, seen); f != nil {
			return true, f
		}
	}
	return known, nil
}

// unevaluated applies unevaluatedProperties and unevaluatedItems to what no other
// keyword, of this subschema or of one applied in place, has evaluated.
func (e *evaluation) unevaluated(n *node, v *rawjson.Value, at *location, seen *annotations) *failure {
	if n.unevaluatedProperties != nil {
		for i := range v.Members {
			m := &v.Members[i]
			if seen.members[m.Name] {
				continue
			}
			seen.addMember(m.Name)
			if n.unevaluatedProperties.never {
				return unknownMember(at, m.Name, n)
			}
			if f := e.child(n.unevaluatedProperties, &m.Value, &location{parent: at, name: m.Name}, seen); f != nil {
				return f
			}
		}
	}
	if n.unevaluatedItems != nil {
		for i := range v.Items {
			if seen.items[i] {
				continue
			}
			seen.addItem(i)
			if f := e.child(n.unevaluatedItems, &v.Items[i], &location{parent: at, index: i, item: true}, seen); f != nil {
				return f
			}
		}
	}
	return nil
}
