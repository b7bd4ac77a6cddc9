// Package mcptool is the one tool that a host sees: its definition, and the
// reading of what a model sends to it.
//
// [Parse] turns what arrived into a [Request]. It asks a [Directory] which
// servers and tools there are, and nothing else. [Definition], [Instructions]
// and [HelpText] are the texts that a model reads about the tool. [FindTool] and
// [Unwrap] are the last two steps of a call, once the server's list is known. What
// most models send is a [Plain] request, which one walk reads.
//
// The package has no state, no goroutines and no locks.
//
// What always holds: a slip that can only mean one thing is repaired and told
// in [Request.Notes]; what is ambiguous is an error; arguments that needed no
// repair keep their bytes; the definition and the instructions stay within
// their bounds for any number of servers.
//
// Start reading at [Parse] in request.go, which lists its steps in order.
package mcptool
