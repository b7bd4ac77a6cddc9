package main

import (
	"bufio"
	"context"
	"strings"
	"time"
)

// stdinLines are the lines of stdin that are not empty. The goroutine that reads
// them ends with stdin or the process.
type stdinLines struct{ c chan string }

func (t *terminal) stdinLines() *stdinLines {
	l := &stdinLines{c: make(chan string)}
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

// firstLineWithin is how long a pipe has to deliver a URL.
const firstLineWithin = 2 * time.Second

// first returns the first line of a pipe, or "" if none comes in time.
func (l *stdinLines) first(ctx context.Context) string {
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
