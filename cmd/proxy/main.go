package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// A reader that closes our output must not keep us from cleaning up.
	signal.Ignore(syscall.SIGPIPE)
	// The first signal cancels ctx and restores the default action, so that a
	// second one ends the process at once.
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, restore)
	code := run(ctx, os.Args, newTerminal())
	restore()
	os.Exit(code)
}
