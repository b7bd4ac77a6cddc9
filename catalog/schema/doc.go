// Package schema checks the arguments of a call against the JSON Schema of a
// tool, repairs slips in them, and describes the schema in one line.
//
// The main type is [Schema], an immutable graph of nodes with one node for each
// subschema. [Compile] makes it (compile.go, reference.go). [Schema.Validate]
// and [Schema.ValidateArguments] check (validate.go, scalars.go, containers.go,
// pattern.go) and return an [ArgumentError] (explain.go). [Schema.Coerce] repairs
// (coerce.go), [Signature] describes (signature.go). There are no goroutines
// and no locks.
//
// What holds everywhere: whatever a schema cannot decide, it allows, because the
// upstream checks the call again. Each run has a bounded number of steps, also
// that which writes a signature; a match with a pattern costs as many as its size
// times the text. So a malicious schema costs no more than a large one. Numbers are compared by
// their digits. Nothing is ever fetched.
//
// The checker is our own because each library tried overflows the stack on
// cycles of $ref, confuses 9007199254740992 with 9007199254740993, refuses a
// whole schema for one odd keyword or runs without a bound.
//
// Start reading at Compile, then at evaluation.check.
package schema
