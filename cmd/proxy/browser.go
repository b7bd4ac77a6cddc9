package main

import (
	"errors"
	"os/exec"
	"runtime"
	"time"

	"github.com/pkg/browser"
)

// hasBrowser reports whether the person would see a browser opened here.
func (t *terminal) hasBrowser() bool {
	for _, remote := range []string{"SSH_CONNECTION", "SSH_TTY", "CI"} {
		if t.env(remote) != "" {
			return false
		}
	}
	switch runtime.GOOS {
	case "windows", "darwin":
		return true
	}
	return t.env("DISPLAY") != "" || t.env("WAYLAND_DISPLAY") != ""
}

// openWithin is how long the browser has to report that it cannot be opened.
const openWithin = time.Second

// openBrowser opens the link without waiting for the browser, which stays in the
// foreground on a system without a desktop. Its goroutine ends with the browser
// or the process.
func openBrowser(link string) error {
	// nil is the null device; any other writer would be a pipe, which breaks
	// when this process ends before the browser.
	browser.Stdout, browser.Stderr = nil, nil
	opened := make(chan error, 1)
	go func() { opened <- browser.OpenURL(link) }()
	late := time.NewTimer(openWithin)
	defer late.Stop()
	select {
	case err := <-opened:
		if errors.Is(err, exec.ErrNotFound) {
			return errors.New("none is installed")
		}
		return err
	case <-late.C:
		return nil
	}
}
