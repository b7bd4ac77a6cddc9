// Command proxy is a local MCP server that stands in front of all others: a
// host starts it once, and the model reaches every configured server through
// its single tool.
//
// This package is the only one with a command line, a terminal, exit codes
// and a root context. Each command is a file of its own; explain.go holds all
// advice to the person, as reply.go of package proxy holds all advice to the
// model.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// The first signal asks for an orderly end. It also restores the default
	// action, so that a second one ends the process at once.
	// A reader of our output that leaves must not keep us from cleaning up.
	signal.Ignore(syscall.SIGPIPE)
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, restore)
	code := run(ctx, os.Args, newTerminal())
	restore()
	os.Exit(code)
}
