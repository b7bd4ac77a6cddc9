// Package results keeps what is too large for a reply and gives it out in
// parts: by page, by line or by value.
//
// The main type is [Store], which owns a folder that all processes of the user
// share and, in it, a folder of this process. [Accept] makes sure that a result is
// one that hosts take. [Store.Fit] takes out of a result what exceeds a limit and
// puts a [Handle] in its place. [Store.Read] reads the part of a stored result
// that a [Query] asks for.
//
// The package starts no goroutine.
//
// Locks: Store.disk guards the process's folder and is held while files are
// written or removed, so that Close waits for a result that is being stored. It
// is a channel, so that a caller can give up waiting for it. Store.mu guards the
// list of results, is never held over I/O, and may be taken under disk. Reading
// takes mu alone; a selection or search holds Store.small or Store.large, channels
// as well, since it takes memory. Between processes there are two lock files, both taken
// under disk: the shared one is held while a process makes its folder or removes
// orphans, and each process holds that of its own folder until it ends. A process
// makes and locks its folder under the shared one, so whoever holds that and finds
// in a folder a lock file that nobody holds knows that no process uses it. Close
// removes the process's folder without the shared lock, because another process
// may remove it just as well.
//
// What always holds: what stays of a result keeps its bytes; a reply is bounded,
// whatever its result is made of, and so is the memory for it; numbers keep their
// digits through a selection; what one reading returns and costs is bounded, since
// any result can suggest an expression to a model, and so is what one process
// keeps on disk; only the user can read the files, only the process that stored a
// result gives it out, and nothing but folders of ours is removed.
//
// Start reading at [Store.Fit] in fit.go, which result.go takes results apart for,
// and [Store.Read] in read.go, which leads to grep.go and, by way of select.go, to
// results/jmespath.
package results
