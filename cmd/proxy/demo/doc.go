// Package demo shows the whole product on servers of its own, without
// configuration and without a network beyond loopback.
//
// [Run] is the tour. It starts three servers (servers.go), spawns "proxy serve"
// as a host does (demo.go), and takes one step after another (tour.go,
// login.go); each step checks what it shows, and the first that fails ends the
// tour. [NotesServer] is the server that the proxy starts as a child process:
// the same binary, run with [NotesCommand].
//
// The package writes to the writers that it is given, and keeps its files in a
// temporary folder. The goroutines of its HTTP servers end before Run returns,
// and so do the processes.
//
// Start reading at [Run].
package demo
