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
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ctx, end := context.WithCancel(context.Background())
	t := newTerminal()
	var kill context.CancelFunc
	t.kill, kill = context.WithCancel(context.Background())
	go func() { // ends with the process
		<-signals
		end()
		<-signals
		kill()
		signal.Stop(signals) // a third has the default action
	}()
	os.Exit(run(ctx, os.Args, t))
}
