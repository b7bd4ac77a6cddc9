// Package redact takes secrets out of text of ours: log lines, errors, status
// and the stderr of children.
//
// The main type is [Redactor]. It masks values that it was told of, in each
// form in which they travel, and whatever looks like a credential. [NewLogger]
// returns a logger of which every record passes a Redactor.
//
// A Redactor is safe for concurrent use; its one mutex guards the values and is
// not held while text is searched. Nothing here starts a goroutine. Values of
// fewer than eight bytes are not masked, since they would be found in innocent
// words. Start reading at [Redactor.Redact].
package redact
