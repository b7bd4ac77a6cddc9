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

// firstLineWithin is how long a pipe has to deliver a URL where no login is
// pending that it could finish.
const firstLineWithin = 2 * time.Second

// first returns the first line of a pipe. It is "" if none comes in time or at
// all, and more says whether one may still come.
func (l *stdinLines) first(ctx context.Context, within time.Duration) (line string, more bool) {
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case line, more = <-l.c:
		return line, more
	case <-t.C:
		return "", true
	case <-ctx.Done():
		return "", false
	}
}
