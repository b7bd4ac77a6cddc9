//go:build profile && unix

package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

// A program that is built with this tag writes a CPU profile of itself to the file
// that PROXY_PROFILE names, until it gets SIGUSR1.
func init() {
	path := os.Getenv("PROXY_PROFILE")
	if path == "" {
		return
	}
	f, err := os.Create(path)
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "no profile:", err)
		return
	}
	enough := make(chan os.Signal, 1)
	signal.Notify(enough, syscall.SIGUSR1)
	go func() { // ends with the process
		<-enough
		pprof.StopCPUProfile()
		f.Close()
	}()
}
