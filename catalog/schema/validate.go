package schema

import (
	"bytes"
	"encoding/json"
	"math/big"
	"slices"
	"unicode/utf8"

	"mcpproxy/catalog/clean"
	"mcpproxy/catalog/rawjson"
)

// Bounds on one validation. Beyond them everything is allowed: it is the
// upstream's own check that decides, and it gets to see the call.
const (
	maxArgumentLevels  = 512     // nesting of the arguments
	maxEvaluations     = 250_000 // subschemas applied to values, and values compared
	maxEvaluationDepth = 1_000   // subschemas applied within one another
)

// Validate checks the arguments of a call. The error, if any, is an
// [*ArgumentError] for the first thing found wrong.
func (s *Schema) Validate(args json.RawMessage) error {
	v, ok := rawjson.Parse(args, maxArgumentLevels)
	if !ok {
		return &ArgumentError{Problem: "not valid JSON"}
	}
	return s.validate(&v)
}

// ValidateArguments is Validate for the arguments of a tool: a member that is
// null and not required counts as absent. Programs write null for what they
// leave out, and the servers behind them take it.
func (s *Schema) ValidateArguments(args json.RawMessage) error {
	v, ok := rawjson.Parse(args, maxArgumentLevels)
	if !ok {
		return &ArgumentError{Problem: "not valid JSON"}
	}
	given := rawjson.Value{Raw: v.Raw, At: v.At, Type: v.Type, Unread: v.Unread, Items: v.Items}
	for _, m := range v.Members {
		if m.Value.Type != rawjson.Null || slices.Contains(s.root.required, m.Name) {
			given.Members = append(given.Members, m)
		}
	}
	return s.validate(&given)
}

func (s *Schema) validate(v *rawjson.Value) error {
	e := evaluation{stepsLeft: maxEvaluations}
	var seen *annotations
	if s.unevaluated {
		seen = &annotations{}
	}
	if f := e.check(s.root, v, nil, seen); f != nil {
		return f.explain()
	}
	return nil
}

// An evaluation is one run of a schema over arguments.
type evaluation struct {
	stepsLeft int // evaluations that may still be made
	depth     int
	// undecided counts what could not be evaluated and was therefore allowed.
	// Where allowing could turn into refusing (not, oneOf, if), a decision
	// during which the count grew is not taken.
	undecided int
}

// bytesPerStep is how much text is read at the price of one evaluation.
const bytesPerStep = 256

// spend uses up evaluations, and reports false when there are none left.
func (e *evaluation) spend(steps int) bool {
	if e.stepsLeft -= steps; e.stepsLeft < 0 {
		e.undecided++
		return false
	}
	return true
}

// annotations are the members and items of a value that some subschema has
// evaluated, for unevaluatedProperties and unevaluatedItems (core, section 11).
type annotations struct {
	members map[string]bool
	items   map[int]bool
}

func (m *annotations) addMember(name string) {
	if m == nil {
		return
	}
	if m.members == nil {
		m.members = make(map[string]bool)
	}
	m.members[name] = true
}

func (m *annotations) addItem(i int) {
	if m == nil {
		return
	}
	if m.items == nil {
		m.items = make(map[int]bool)
	}
	m.items[i] = true
}

// inPlace applies a subschema to the same value and takes over its marks if it
// allows the value.
func (e *evaluation) inPlace(n *node, v *rawjson.Value, at *location, seen *annotations) *failure {
	if seen == nil {
		return e.check(n, v, at, nil)
	}
	var own annotations
	f := e.check(n, v, at, &own)
	if f == nil {
		for name := range own.members {
			seen.addMember(name)
		}
		for i := range own.items {
			seen.addItem(i)
		}
	}
	return f
}

// child applies a subschema to a member or item of a value.
func (e *evaluation) child(n *node, v *rawjson.Value, at *location, seen *annotations) *failure {
	if seen == nil {
		return e.check(n, v, at, nil)
	}
	return e.check(n, v, at, &annotations{})
}

// check applies a subschema to a value; nil means that it is allowed.
func (e *evaluation) check(n *node, v *rawjson.Value, at *location, seen *annotations) *failure {
	if !e.spend(1) {
		return nil
	}
	if n.opaque || v.Unread || e.depth >= maxEvaluationDepth {
		e.undecided++
		return nil
	}
	e.depth++
	defer func() { e.depth-- }()
	undecided := e.undecided
	if n.never {
		return failed(at, "not allowed here")
	}
	if n.types&v.Type == 0 {
		return wrongType(at, v, n.types)
	}
	if n.enum != nil && !e.listed(n.enum, v) {
		return notListed(at, v, n.enum)
	}
	if n.ref != nil {
		if f := e.inPlace(n.ref, v, at, seen); f != nil {
			return f
		}
	}
	if f := e.combinators(n, v, at, seen); f != nil {
		return f
	}
	if f := e.ofType(n, v, at, seen); f != nil {
		return f
	}
	if e.undecided != undecided {
		return nil // what was not evaluated may have been meant to be
	}
	return e.unevaluated(n, v, at, seen)
}

func (e *evaluation) ofType(n *node, v *rawjson.Value, at *location, seen *annotations) *failure {
	switch v.Type {
	case rawjson.Integer, rawjson.Fraction:
		return e.number(n, v, at)
	case rawjson.String:
		return e.text(n, v, at)
	case rawjson.Array:
		return e.array(n, v, at, seen)
	case rawjson.Object:
		return e.object(n, v, at, seen)
	}
	return nil
}

func (e *evaluation) listed(list []*rawjson.Value, v *rawjson.Value) bool {
	undecided := e.undecided
	for _, w := range list {
		if equal(v, w, e.spend) {
			return true
		}
	}
	return e.undecided != undecided
}

// equal compares as JSON Schema does (core, section 4.2.2): numbers by what
// they are worth, objects without regard to order. spend is asked for leave
// before each comparison and ends it, unequal, by returning false.
func equal(v, w *rawjson.Value, spend func(steps int) bool) bool {
	if !spend(1 + len(v.Raw)/bytesPerStep) {
		return false
	}
	if v.Unread || w.Unread {
		return bytes.Equal(v.Raw, w.Raw)
	}
	if v.Type != w.Type || len(v.Members) != len(w.Members) || len(v.Items) != len(w.Items) {
		return false
	}
	switch v.Type {
	case rawjson.String:
		return v.Text() == w.Text()
	case rawjson.Integer, rawjson.Fraction:
		return rawjson.CompareNumbers(v.Raw, w.Raw) == 0
	case rawjson.Array:
		for i := range v.Items {
			if !equal(&v.Items[i], &w.Items[i], spend) {
				return false
			}
		}
		return true
	case rawjson.Object:
		for i := range v.Members {
			other := w.Get(v.Members[i].Name)
			if other == nil || !equal(&v.Members[i].Value, other, spend) {
				return false
			}
		}
		return true
	}
	return bytes.Equal(v.Raw, w.Raw)
}

// combinators applies the keywords that hold other schemas for the same value.
func (e *evaluation) combinators(n *node, v *rawjson.Value, at *location, seen *annotations) *failure {
	for _, part := range n.allOf {
		if f := e.inPlace(part, v, at, seen); f != nil {
			return f
		}
	}
	if n.anyOf != nil {
		if f := e.anyOf(n.anyOf, v, at, seen); f != nil {
			return f
		}
	}
	if n.oneOf != nil {
		if f := e.oneOf(n.oneOf, v, at, seen); f != nil {
			return f
		}
	}
	if n.not != nil {
		undecided := e.undecided
		if e.child(n.not, v, at, seen) == nil && e.undecided == undecided {
			return failed(at, "excluded by the schema")
		}
	}
	if n.condition != nil {
		undecided := e.undecided
		branch := n.then
		if e.inPlace(n.condition, v, at, seen) != nil {
			branch = n.otherwise
		}
		if branch != nil && e.undecided == undecided {
			return e.inPlace(branch, v, at, seen)
		}
	}
	return nil
}

func (e *evaluation) anyOf(branches []*node, v *rawjson.Value, at *location, seen *annotations) *failure {
	var failures []*failure
	for _, b := range branches {
		f := e.inPlace(b, v, at, seen)
		if f != nil {
			failures = append(failures, f)
		} else if seen == nil {
			return nil // with marks all branches that hold count
		}
	}
	if len(failures) < len(branches) || len(branches) == 0 {
		return nil
	}
	return joinFailures(failures, v, at)
}

func (e *evaluation) oneOf(branches []*node, v *rawjson.Value, at *location, seen *annotations) *failure {
	var failures []*failure
	undecided := e.undecided
	for _, b := range branches {
		if f := e.inPlace(b, v, at, seen); f != nil {
			failures = append(failures, f)
		}
	}
	switch allowed := len(branches) - len(failures); {
	case len(branches) == 0, allowed == 1:
		return nil
	case allowed == 0:
		return joinFailures(failures, v, at)
	case e.undecided != undecided:
		return nil
	default:
		return failed(at, "fits %d of the alternatives, exactly one is wanted", allowed)
	}
}

func (e *evaluation) number(n *node, v *rawjson.Value, at *location) *failure {
	if m := n.minimum; m != nil {
		switch c := rawjson.CompareNumbers(v.Raw, m.number); {
		case c < 0 && !m.exclusive:
			return failed(at, "%s is less than the minimum of %s", show(v), m.number)
		case c <= 0 && m.exclusive:
			return failed(at, "%s is not more than %s", show(v), m.number)
		}
	}
	if m := n.maximum; m != nil {
		switch c := rawjson.CompareNumbers(v.Raw, m.number); {
		case c > 0 && !m.exclusive:
			return failed(at, "%s is more than the maximum of %s", show(v), m.number)
		case c >= 0 && m.exclusive:
			return failed(at, "%s is not less than %s", show(v), m.number)
		}
	}
	if n.multipleOf != nil && !isMultiple(v.Raw, n.multipleOf) {
		return failed(at, "%s is not a multiple of %s", show(v), n.multipleOf)
	}
	return nil
}

// isMultiple is true where it cannot be told.
func isMultiple(number, of []byte) bool {
	x, ok := rawjson.Exact(number)
	y, ok2 := rawjson.Exact(of)
	return !ok || !ok2 || y.Sign() == 0 || new(big.Rat).Quo(x, y).IsInt()
}

func (e *evaluation) text(n *node, v *rawjson.Value, at *location) *failure {
	if n.pattern == nil && n.length.min == 0 && n.length.max >= len(v.Raw) {
		return nil
	}
	if !e.spend(len(v.Raw) / bytesPerStep) {
		return nil
	}
	text := v.Text()
	switch length := utf8.RuneCountInString(text); {
	case length < n.length.min:
		return failed(at, "%s long, at least %d wanted", plural(length, "character"), n.length.min)
	case length > n.length.max:
		return failed(at, "%s long, at most %d wanted", plural(length, "character"), n.length.max)
	}
	if n.pattern != nil && !e.matches(n.pattern, text) {
		return failed(at, "%s does not match the pattern %s", show(v), clean.Line(n.pattern.source, maxShown))
	}
	return nil
}

// matches is true where the pattern is not RE2.
func (e *evaluation) matches(p *pattern, text string) bool {
	re := p.compile()
	if re == nil {
		e.undecided++
		return true
	}
	return re.MatchString(text)
}
