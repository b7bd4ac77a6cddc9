// Package jmespath evaluates JMESPath expressions (https://jmespath.org/specification.html)
// on the text of a JSON value, within bounds on time and memory.
//
// [Compile] reads an expression (lex.go, parse.go). [Expression.Search] evaluates
// it (evaluate.go, functions.go) and returns a [Value], which writes itself as
// JSON (value.go, write.go). There are no goroutines and no locks; an Expression
// never changes.
//
// What holds everywhere: a value of the document stays a piece of its text until
// someone looks into it, so that numbers keep their digits, objects their order,
// and a large document costs no more memory than its text. Each search has a
// number of steps and of bytes that it may make, and looks at its ctx. No
// expression makes it panic.
//
// The evaluator is our own because the common one for Go has no bound and no ctx,
// panics at expressions such as @(a) or contains(`[[]]`, `[]`), and knows numbers
// as float64 only. Start reading at Expression.Search, then at search.eval.
package jmespath
