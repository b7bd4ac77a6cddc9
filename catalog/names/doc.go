// Package names guesses which known name is meant by one that is not known, as
// models and people misspell, restyle and join names.
//
// It has no main type. [Alike] finds names that are equal but for their style,
// [Split] takes a server's name off a tool's, and [Nearest] and [Closest] find
// names that are few edits away, for a hint. There is no state and no
// goroutine. Start reading at Nearest.
package names
