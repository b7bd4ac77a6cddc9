// Package redact masks secrets in texts of the proxy: log lines, errors, status
// and the stderr of children.
//
// The main type is [Redactor]. It masks the values that were added to it and
// whatever looks like a credential, for which [Shapes] is enough. [NewLogger]
// returns a logger whose records a Redactor masks.
//
// The package starts no goroutine. Redactor.mu guards the values and is not held
// while text is searched.
//
// What always holds: a value is masked from the moment Add returns, in each form
// that it may have in text; a value of fewer than eight bytes is not masked,
// because it may be a part of an ordinary word.
//
// Start reading at [Redactor.Redact] in redact.go.
package redact
