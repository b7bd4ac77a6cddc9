//go:build profile && unix

package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

// A program that is built with this tag profiles its use of the CPU until it gets
// SIGUSR1, and then makes the file that PROXY_PROFILE names.
func init() {
	path := os.Getenv("PROXY_PROFILE")
	if path == "" {
		return
	}
	f, err := os.Create(path + ".part")
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
		if err := os.Rename(f.Name(), path); err != nil {
			fmt.Fprintln(os.Stderr, "no profile:", err)
		}
	}()
}
