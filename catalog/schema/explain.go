package schema

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"mcpproxy/catalog/clean"
	"mcpproxy/catalog/names"
	"mcpproxy/catalog/rawjson"
)

// An ArgumentError tells where and why arguments do not fit the schema of a tool.
type ArgumentError struct {
	// Path leads from the arguments to the value, as in options.labels[2]; it is
	// empty for the arguments as a whole. A name that is no identifier stands in
	// brackets as a JSON string. A path has at most 300 characters.
	Path string
	// Problem is a short sentence without a period: "a string, integer wanted".
	Problem string
}

func (e *ArgumentError) Error() string {
	if e.Path == "" {
		return "arguments: " + e.Problem
	}
	return e.Path + ": " + e.Problem
}

// A location leads from the arguments to a value; the arguments are at nil.
type location struct {
	parent *location
	name   string // of a member
	index  int    // of an item
	item   bool   // it is an item, not a member
}

func (p *location) depth() int {
	n := 0
	for ; p != nil; p = p.parent {
		n++
	}
	return n
}

var identifier = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\p{L}_$][\p{L}\p{N}_$-]*$`) })

func (p *location) String() string {
	if p == nil {
		return ""
	}
	before := p.parent.String()
	switch {
	case p.item:
		return fmt.Sprintf("%s[%d]", before, p.index)
	case !identifier().MatchString(p.name):
		return before + "[" + showName(p.name) + "]"
	case before == "":
		return clean.Line(p.name, maxShown)
	}
	return before + "." + clean.Line(p.name, maxShown)
}

// A failure is the reason why a schema does not allow a value.
type failure struct {
	at *location
	// problem writes the sentence. It is a function because the alternatives of
	// a malicious schema fail by the thousand and at most one is reported.
	problem func() string
	// What follows serves to join the failures of alternatives.
	wanted  rawjson.Types    // for a value of the wrong type
	allowed []*rawjson.Value // for a value that is not one of a list
}

func (f *failure) explain() *ArgumentError {
	return &ArgumentError{Path: clean.Cut(f.at.String(), maxPath), Problem: f.problem()}
}

func failed(at *location, format string, args ...any) *failure {
	return &failure{at: at, problem: func() string { return fmt.Sprintf(format, args...) }}
}

func wrongType(at *location, v *rawjson.Value, wanted rawjson.Types) *failure {
	f := failed(at, "%s, %s wanted", kindOfValue(v), wanted)
	f.wanted = wanted
	return f
}

func notListed(at *location, v *rawjson.Value, list []*rawjson.Value) *failure {
	return &failure{at: at, allowed: list, problem: func() string { return listProblem(v, list) }}
}

func listProblem(v *rawjson.Value, list []*rawjson.Value) string {
	if len(list) == 1 {
		return fmt.Sprintf("%s is not %s", show(v), show(list[0]))
	}
	const most = 10
	var shown, near []string
	for _, w := range list {
		if w.Type == rawjson.String {
			near = append(near, w.Text())
		}
		if len(shown) < most {
			shown = append(shown, show(w))
		}
	}
	more := ""
	if len(list) > most {
		more = fmt.Sprintf(" or %d more", len(list)-most)
	}
	hint := ""
	if name, ok := names.Closest(v.Text(), near); ok && v.Type == rawjson.String {
		hint = ", did you mean " + showName(name) + "?"
	}
	return fmt.Sprintf("%s is not one of %s%s%s", show(v), strings.Join(shown, ", "), more, hint)
}

func missingMembers(at *location, missing []string, n *node, v *rawjson.Value) *failure {
	return &failure{at: at, problem: func() string { return missingProblem(missing, n, v) }}
}

func missingProblem(missing []string, n *node, v *rawjson.Value) string {
	var unknown []string
	for _, m := range v.Members {
		if n.byName[m.Name] == nil {
			unknown = append(unknown, m.Name)
		}
	}
	const most = 12
	var shown []string
	for _, name := range missing[:min(len(missing), most)] {
		shown = append(shown, showName(name))
	}
	if more := len(missing) - most; more > 0 {
		shown = append(shown, fmt.Sprintf("and %d more", more))
	}
	what := "property"
	if len(missing) > 1 {
		what = "properties"
	}
	hint := ""
	if given, ok := names.Closest(missing[0], unknown); ok {
		hint = fmt.Sprintf(" (is %s meant as %s?)", showName(given), shown[0])
	}
	return fmt.Sprintf("missing required %s %s%s", what, strings.Join(shown, ", "), hint)
}

func unknownMember(at *location, name string, n *node) *failure {
	return &failure{at: at, problem: func() string { return unknownProblem(name, n) }}
}

func unknownProblem(name string, n *node) string {
	known := make([]string, len(n.properties))
	for i, p := range n.properties {
		known[i] = p.name
	}
	const most = 12
	switch near, ok := names.Closest(name, known); {
	case ok:
		return fmt.Sprintf("unknown property %s, did you mean %s?", showName(name), showName(near))
	case len(known) == 0 || len(known) > most:
		return fmt.Sprintf("unknown property %s", showName(name))
	}
	for i := range known {
		known[i] = showName(known[i])
	}
	return fmt.Sprintf("unknown property %s; known are %s", showName(name), strings.Join(known, ", "))
}

// joinFailures returns one failure for those of all alternatives: the deepest one
// of the alternatives that allow the value's type.
func joinFailures(failures []*failure, v *rawjson.Value, at *location) *failure {
	var wanted rawjson.Types
	var allowed []*rawjson.Value
	var closer []*failure
	lists := true
	for _, f := range failures {
		if f.wanted != 0 && f.at == at {
			wanted |= f.wanted
			continue
		}
		closer = append(closer, f)
		lists = lists && f.allowed != nil && f.at == at
		allowed = append(allowed, f.allowed...)
	}
	switch {
	case len(closer) == 0:
		return wrongType(at, v, wanted)
	case lists && len(closer) > 1:
		return notListed(at, v, allowed)
	}
	// A constant tells alternatives apart, so one that failed at a constant was
	// not meant.
	return slices.MaxFunc(closer, func(a, b *failure) int {
		if isA, isB := len(a.allowed) == 1, len(b.allowed) == 1; isA != isB {
			if isA {
				return -1
			}
			return 1
		}
		return a.at.depth() - b.at.depth()
	})
}

// maxPath bounds a path, in characters.
const maxPath = 300

// maxShown bounds each piece of foreign text in a message, in characters.
const maxShown = 60

// show returns a value as messages show it.
func show(v *rawjson.Value) string {
	switch v.Type {
	case rawjson.String:
		return showName(v.Text())
	case rawjson.Object:
		return "an object"
	case rawjson.Array:
		return "an array"
	}
	return clean.Line(string(v.Raw), maxShown)
}

func showName(name string) string { return string(quote(clean.Line(name, maxShown))) }

// quote returns a text as a JSON string.
func quote(text string) json.RawMessage {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string can always be encoded
	return json.RawMessage(strings.TrimSuffix(b.String(), "\n"))
}

func kindOfValue(v *rawjson.Value) string {
	switch v.Type {
	case rawjson.Null:
		return "null"
	case rawjson.Boolean:
		return "a boolean"
	case rawjson.Integer:
		return "an integer"
	case rawjson.Fraction:
		return "a number with a fraction"
	case rawjson.String:
		return "a string"
	case rawjson.Array:
		return "an array"
	}
	return "an object"
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
