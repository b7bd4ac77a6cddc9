// Package results keeps what is too large for a reply and gives it out in
// parts: by page, by line or by value.
//
// The main type is [Store]. [Store.Fit] takes out of a result what exceeds a
// limit and puts a [Handle] in its place; [Store.Read] reads a part of what was
// stored. Results lie in files that only the user can read, are given out by
// the process that stored them alone, and go with it.
//
// Invariants: everything of a result that stays is kept byte for byte; numbers
// keep their digits through a selection; what one reading returns, and how much
// one process keeps on disk, is bounded.
//
// There are no goroutines. Two locks: disk is held while files are made or
// removed, mu guards the list of what is stored; mu may be taken under disk,
// never the other way. Between processes, the lock of the folder of all is held
// while a folder in it is made or removed, and each process holds the lock of
// its own folder for as long as it lives. Start reading at [Store.Fit].
package results
