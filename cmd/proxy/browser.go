package main

import (
	"errors"
	"os/exec"
	"runtime"
	"time"

	"github.com/pkg/browser"
)

// hasBrowser reports whether a browser opened here would be seen by the person.
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

// openWithin is how long a browser may take to say that it cannot be opened.
const openWithin = time.Second

// openBrowser keeps what a browser prints away from our output. It does not
// wait for the browser, which runs on in the foreground where no desktop
// starts it: its goroutine ends with the browser or the process.
func openBrowser(link string) error {
	// nil is the null device. Any other writer would be a pipe, which breaks
	// under the browser when this process ends.
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
