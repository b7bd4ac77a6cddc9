package main

import (
	"bufio"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
)

// stdinLines are the lines of stdin that are not empty. The goroutine that reads
// them ends with stdin or the process.
type stdinLines struct {
	c     chan string
	blank atomic.Bool // something came that holds no more than space
}

// maxLine is how much of a line is read, in bytes. What follows is left out,
// because the line is a line all the same.
const maxLine = 64 << 10

func (t *terminal) stdinLines() *stdinLines {
	l := &stdinLines{c: make(chan string)}
	go func() {
		defer close(l.c)
		r := bufio.NewReaderSize(t.in, maxLine)
		for isRest := false; ; {
			b, err := r.ReadSlice('\n')
			// A Windows shell writes a byte order mark into a pipe.
			line := strings.TrimFunc(string(b), func(c rune) bool { return unicode.IsSpace(c) || c == '\ufeff' })
			switch {
			case isRest:
			case line != "":
				l.c <- line
			case len(b) > 0:
				l.blank.Store(true)
			}
			isRest = errors.Is(err, bufio.ErrBufferFull)
			if err != nil && !isRest {
				return
			}
		}
	}()
	return l
}

// next returns the next line. It is "" if none comes in time or at all, and more
// says whether one may still come.
func (l *stdinLines) next(ctx context.Context, within time.Duration) (line string, more bool) {
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
