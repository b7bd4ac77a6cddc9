package main

import (
	"bufio"
	"context"
	"strings"
	"time"
)

// lines reads stdin line by line. Its goroutine ends with stdin or the process.
type lines struct{ c chan string }

func (t *terminal) lines() *lines {
	l := &lines{c: make(chan string)}
	go func() {
		defer close(l.c)
		s := bufio.NewScanner(t.in)
		for s.Scan() {
			if line := strings.TrimSpace(s.Text()); line != "" {
				l.c <- line
			}
		}
	}()
	return l
}

// firstLineWithin is how long a pipe may take to say whether it has a URL for us.
const firstLineWithin = 2 * time.Second

// first returns the first line of a pipe, or nothing if it has none soon.
func (l *lines) first(ctx context.Context) string {
	t := time.NewTimer(firstLineWithin)
	defer t.Stop()
	select {
	case line := <-l.c:
		return line
	case <-t.C:
	case <-ctx.Done():
	}
	return ""
}
