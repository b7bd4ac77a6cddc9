package schema

import (
	"encoding/json"
	"slices"

	"mcpproxy/catalog/rawjson"
)

// Bounds on one validation, which allows whatever lies beyond them.
const (
	maxArgumentLevels  = 512     // nesting of the arguments
	maxSteps           = 250_000 // subschemas applied to values, and values compared
	maxEvaluationDepth = 1_000   // subschemas applied inside one another
)

// Validate checks a value. An error is an [*ArgumentError] about the first thing
// that does not fit. Values nested deeper than 512 levels fit.
func (s *Schema) Validate(args json.RawMessage) error {
	v, ok := rawjson.Parse(args, maxArgumentLevels)
	if !ok {
		return &ArgumentError{Problem: "not valid JSON"}
	}
	return s.validate(&v)
}

// ValidateArguments is Validate for the arguments of a tool: a member that is
// null and not required counts as absent, because programs write null for what
// they leave out and servers accept it.
func (s *Schema) ValidateArguments(args json.RawMessage) error {
	v, ok := rawjson.Parse(args, maxArgumentLevels)
	if !ok {
		return &ArgumentError{Problem: "not valid JSON"}
	}
	return s.validateArguments(&v)
}

func (s *Schema) validateArguments(v *rawjson.Value) error {
	isAbsent := func(m rawjson.Member) bool {
		return m.Value.Type == rawjson.Null && !slices.Contains(s.root.required, m.Name)
	}
	if !slices.ContainsFunc(v.Members, isAbsent) {
		return s.validate(v)
	}
	given := *v
	given.Members = slices.DeleteFunc(slices.Clone(v.Members), isAbsent)
	return s.validate(&given)
}

func (s *Schema) validate(v *rawjson.Value) error {
	e := evaluation{stepsLeft: maxSteps}
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
	stepsLeft int
	depth     int // of subschemas that are being applied inside one another
	// undecided counts what was allowed because it could not be evaluated. It
	// must not lead to a refusal, so not, oneOf and if allow the value when the
	// count grew while their subschemas were applied.
	undecided int
}

// bytesPerStep is how much text may be read for one step.
const bytesPerStep = 256

// spend takes steps from those left, and reports false if there were too few.
func (e *evaluation) spend(steps int) bool {
	if e.stepsLeft -= steps; e.stepsLeft < 0 {
		e.undecided++
		return false
	}
	return true
}

// annotations name the members and items of a value that some subschema has
// evaluated (core, section 11). They are nil in a schema that does not ask for
// them with unevaluatedProperties or unevaluatedItems.
type annotations struct {
	members map[string]bool
	items   map[int]bool
}

func (a *annotations) addMember(name string) {
	if a == nil {
		return
	}
	if a.members == nil {
		a.members = make(map[string]bool)
	}
	a.members[name] = true
}

func (a *annotations) addItem(i int) {
	if a == nil {
		return
	}
	if a.items == nil {
		a.items = make(map[int]bool)
	}
	a.items[i] = true
}

// inPlace applies a subschema to the same value and adds its annotations if it
// allows the value.
func (e *evaluation) inPlace(n *node, v *rawjson.Value, at *location, seen *annotations) *failure {
	if seen == nil {
		return e.check(n, v, at, nil)
	}
	var own annotations
	f := e.check(n, v, at, &own)
	if f == nil && e.spend(len(own.members)+len(own.items)) {
		for name := range own.members {
			seen.addMember(name)
		}
		for i := range own.items {
			seen.addItem(i)
		}
	}
	return f
}

// child applies a subschema to a member or item of a value, or to the value
// itself under not, whose annotations do not count.
func (e *evaluation) child(n *node, v *rawjson.Value, at *location, seen *annotations) *failure {
	if seen == nil {
		return e.check(n, v, at, nil)
	}
	return e.check(n, v, at, &annotations{})
}

// check applies a subschema to a value and returns nil if it allows the value.
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
	if f := e.inPlaceApplicators(n, v, at, seen); f != nil {
		return f
	}
	if f := e.ofType(n, v, at, seen); f != nil {
		return f
	}
	if e.undecided != undecided {
		return nil // what could not be evaluated may cover the rest
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

// listed reports whether v equals a value of the list, or may do so.
func (e *evaluation) listed(list []*rawjson.Value, v *rawjson.Value) bool {
	undecided := e.undecided
	for _, w := range list {
		if equal(v, w, e.spend) {
			return true
		}
	}
	return e.undecided != undecided
}

// inPlaceApplicators applies the keywords that hold subschemas for the same value
// (core, section 10.2).
func (e *evaluation) inPlaceApplicators(n *node, v *rawjson.Value, at *location, seen *annotations) *failure {
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
			return nil // only annotations need the other branches
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
