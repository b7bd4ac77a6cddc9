// Package privatefile keeps files that belong to one user and are shared by
// several processes of that user: credentials, indexes, records of trust and
// of failures.
//
// [Folder] makes the folder, [Read] and [Replace] read and write one whole
// file, [SetAside] moves a damaged one out of the way. [Lock] keeps other
// processes and goroutines out; [Update] does all of it in the right order.
//
// Invariants: no other user can read what is written here; a reader sees the
// old content or the new one, also after a crash; whoever writes a file holds
// its lock; a lock ends with the process that holds it, and no wait for one is
// endless.
//
// The package starts no goroutine and has no state of its own. Start reading
// at [Update].
package privatefile
