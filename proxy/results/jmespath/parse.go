package jmespath

// An op tells what a node of an expression does.
type op int

const (
	opCurrent op = iota // @, and what is left out
	opField
	opIndex
	opSlice
	opLiteral
	opChain // the right side of what the left side finds: a.b, a | b
	opProject
	opProjectValues
	opFilter
	opFlatten
	opList
	opObject
	opOr
	opAnd
	opNot
	opCompare
	opCall
	opReference // &expression
)

// A node is one part of an expression.
type node struct {
	op          op
	left, right *node
	condition   *node   // of a filter
	parts       []*node // of a list or object, and arguments of a call
	names       []string
	name        string // of a field or function, and the sign of a comparison
	value       value  // of a literal
	index       int
	slice       [3]*int
}

// An Expression is a compiled JMESPath expression. It is safe for concurrent use.
type Expression struct{ root *node }

// Compile reads an expression. An error is a [*SyntaxError].
func Compile(expression string) (*Expression, error) {
	tokens, err := tokenize(expression)
	if err != nil {
		return nil, err
	}
	p := parser{tokens: tokens}
	root := p.expression(0)
	p.need(end)
	if p.err != nil {
		return nil, p.err
	}
	return &Expression{root}, nil
}

// power is how strongly a token binds to what stands before it.
var power = map[kind]int{
	"|": 1, "||": 2, "&&": 3,
	"==": 5, "!=": 5, "<": 5, "<=": 5, ">": 5, ">=": 5,
	"[]": 9, "*": 20, "[?": 21, ".": 40, "!": 45, "{": 50, "[": 55,
}

// endOfProjection is the power below which a token is not part of the right side
// of a projection.
const endOfProjection = 10

// A parser reads tokens by the powers with which they bind (Pratt). After the
// first error it returns nodes without meaning.
type parser struct {
	tokens []token
	next   int
	err    error
}

func (p *parser) current() token { return p.tokens[p.next] }

// take returns the current token and moves on.
func (p *parser) take() token {
	t := p.tokens[p.next]
	if t.kind != end {
		p.next++
	}
	return t
}

// is moves on if the current token is of that kind.
func (p *parser) is(k kind) bool {
	if p.current().kind != k {
		return false
	}
	p.take()
	return true
}

func (p *parser) need(k kind) {
	if t := p.current(); t.kind != k {
		p.fail(t, string(k)+" expected")
		return
	}
	p.take()
}

// fail notes the first problem and goes to the end.
func (p *parser) fail(t token, problem string) *node {
	if t.kind == end {
		problem = "the expression is incomplete"
	}
	if p.err == nil {
		p.err = &SyntaxError{t.at, problem}
	}
	p.next = len(p.tokens) - 1
	return &node{}
}

// expression reads what binds more strongly than that power.
func (p *parser) expression(most int) *node {
	left := p.prefix(p.take())
	for power[p.current().kind] > most {
		left = p.infix(left, p.take())
	}
	return left
}

// prefix reads what begins with a token.
func (p *parser) prefix(t token) *node {
	switch t.kind {
	case literal:
		return &node{op: opLiteral, value: t.value}
	case name:
		if p.is("(") {
			return p.call(t)
		}
		return &node{op: opField, name: t.text}
	case quotedName:
		return &node{op: opField, name: t.text}
	case "@":
		return &node{}
	case "!":
		return &node{op: opNot, left: p.expression(power["!"])}
	case "(":
		inside := p.expression(0)
		p.need(")")
		return inside
	case "{":
		return p.object()
	case "*":
		return &node{op: opProjectValues, left: &node{}, right: p.projected(power["*"])}
	case "[]", "[?":
		return p.infix(&node{}, t)
	case "[":
		if k := p.current().kind; k == number || k == ":" || k == "*" && p.tokens[p.next+1].kind == "]" {
			return p.infix(&node{}, t)
		}
		return p.list()
	}
	return p.fail(t, "a value expected")
}

// infix reads what continues left with a token.
func (p *parser) infix(left *node, t token) *node {
	switch t.kind {
	case ".":
		if p.is("*") {
			return &node{op: opProjectValues, left: left, right: p.projected(power["."])}
		}
		return &node{op: opChain, left: left, right: p.afterDot(power["."])}
	case "|":
		return &node{op: opChain, left: left, right: p.expression(power[t.kind])}
	case "||":
		return &node{op: opOr, left: left, right: p.expression(power[t.kind])}
	case "&&":
		return &node{op: opAnd, left: left, right: p.expression(power[t.kind])}
	case "==", "!=", "<", "<=", ">", ">=":
		return &node{op: opCompare, name: string(t.kind), left: left, right: p.expression(power[t.kind])}
	case "[]":
		return &node{op: opProject, left: &node{op: opFlatten, left: left}, right: p.projected(power["[]"])}
	case "[?":
		condition := p.expression(0)
		p.need("]")
		return &node{op: opFilter, left: left, condition: condition, right: p.projected(power["[?"])}
	case "[":
		return p.bracket(left)
	}
	return p.fail(t, "an operator expected")
}

// bracket reads an index, a slice or [*].
func (p *parser) bracket(left *node) *node {
	if p.is("*") {
		p.need("]")
		return &node{op: opProject, left: left, right: p.projected(power["*"])}
	}
	var bounds [3]*int
	colons := 0
	for {
		switch t := p.take(); {
		case t.kind == number && bounds[colons] == nil:
			bounds[colons] = &t.index
		case t.kind == ":" && colons < 2:
			colons++
		case t.kind == "]" && colons > 0:
			slice := &node{op: opSlice, left: left, slice: bounds}
			return &node{op: opProject, left: slice, right: p.projected(power["*"])}
		case t.kind == "]" && bounds[0] != nil:
			return &node{op: opIndex, left: left, index: *bounds[0]}
		default:
			return p.fail(t, "an index, a slice or * expected")
		}
	}
}

// projected reads the right side of a projection, which may be left out.
func (p *parser) projected(most int) *node {
	switch t := p.current(); {
	case power[t.kind] < endOfProjection:
		return &node{}
	case t.kind == "[", t.kind == "[?":
		return p.expression(most)
	case t.kind == ".":
		p.take()
		return p.afterDot(most)
	default:
		return p.fail(t, "an operator expected")
	}
}

// afterDot reads what may follow a dot.
func (p *parser) afterDot(most int) *node {
	switch t := p.current(); t.kind {
	case name, quotedName, "*":
		return p.expression(most)
	case "[":
		p.take()
		return p.list()
	case "{":
		p.take()
		return p.object()
	default:
		return p.fail(t, "a name, *, [ or { expected")
	}
}

func (p *parser) list() *node {
	n := &node{op: opList}
	for {
		n.parts = append(n.parts, p.expression(0))
		if !p.is(",") {
			p.need("]")
			return n
		}
	}
}

func (p *parser) object() *node {
	n := &node{op: opObject}
	for {
		t := p.take()
		if t.kind != name && t.kind != quotedName {
			return p.fail(t, "a name expected")
		}
		p.need(":")
		n.names = append(n.names, t.text)
		n.parts = append(n.parts, p.expression(0))
		if !p.is(",") {
			p.need("}")
			return n
		}
	}
}

// call reads the arguments of a function.
func (p *parser) call(t token) *node {
	n := &node{op: opCall, name: t.text}
	f, known := signatures[t.text]
	if !known {
		return p.fail(t, "unknown function "+t.text)
	}
	for len(n.parts) > 0 || !p.is(")") {
		if p.is("&") {
			n.parts = append(n.parts, &node{op: opReference, left: p.expression(0)})
		} else {
			n.parts = append(n.parts, p.expression(0))
		}
		if !p.is(",") {
			p.need(")")
			break
		}
	}
	if !f.takes(len(n.parts)) {
		return p.fail(t, "wrong number of arguments of "+t.text)
	}
	return n
}
