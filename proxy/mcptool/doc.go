// Package mcptool is the one tool that a host sees: its definition, and the
// reading of what a model sends to it.
//
// [Parse] turns what arrived into a [Request], forgiving each slip that leaves
// no doubt; it is pure and asks a [Directory] which servers and tools there are.
// [Definition], [Instructions] and [HelpText] are the words that a model reads
// before it sends anything.
//
// Invariants: what is ambiguous is an error and never a guess; every repair is
// told in [Request.Notes]; the arguments of a call keep their bytes wherever
// they needed no repair; definition and instructions stay within their bounds
// whatever the number of servers.
//
// There are no goroutines, no locks and no state. Start reading at [Parse],
// whose steps stand in order.
package mcptool
