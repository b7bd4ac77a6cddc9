// Package child runs programs and leaves nothing of them behind, however this
// process ends.
//
// A [Process] is a started program with everything that it starts in turn: a
// process group on Unix, a job object on Windows. [Start] gives it a scrubbed
// environment and finds its command as a login shell would; [Process.Stop]
// ends it in the steps of the specification (MCP 2025-11-25, basic/lifecycle,
// shutdown over stdio). A [Guard] stands by on Unix to do that when this process
// is killed. On Linux this process adopts orphans of its children, and ends those
// with the last guard.
//
// Each process has two goroutines, which Stop waits for: one reads its stderr,
// one waits for its end. A guard has one, which [Guard.Close] waits for: it
// replaces the guard's shell if that dies. On Linux one for all guards collects
// orphans that have ended. Guard.mu and tail.mu are never held together;
// adoption.mu may be taken under Guard.mu.
//
// What always holds: the shell runs before a child does; a child has a mark in
// its environment, by which what left its group is found; of the environment
// of this process only the base set and the names in [Config] reach a child;
// what a program wrote to stderr leaves the package only as the caller's
// function has redacted it.
//
// Start reading at [Start] in process.go and [Process.Stop] in stop.go, then
// guard_unix.go with guard.sh.
package child
