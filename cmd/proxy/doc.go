// Command proxy is a local MCP server that stands in front of all others: a
// host starts it once, and the model reaches every configured server through
// its single tool.
//
// This package owns the command line, the terminal, signals, exit codes and the
// root context; no other package has any of them. Start reading at run in
// app.go.
//
// Each command has a file of its own: serve.go, demo.go, list.go, status.go,
// connect.go, tools.go, call.go, login.go, logout.go, refresh.go, trust.go and
// version.go. They share:
//
//   - app.go: the list of commands, the exit codes, and run;
//   - args.go: the checks of arguments, and options that may stand anywhere;
//   - setup.go: the configuration and the proxy for the time of one command;
//   - terminal.go: the output and its rules;
//   - explain.go, explainlogin.go: all advice to the person, as reply.go of package proxy holds
//     all advice to the model;
//   - stdin.go and browser.go: what a login needs of the machine.
//
// A command returns its error; run explains it and turns it into the exit code.
// The package has no locks. Its goroutines show what is waited for, wait for the
// end of a login, open a browser, and read stdin; the first two end with the
// command.
package main
