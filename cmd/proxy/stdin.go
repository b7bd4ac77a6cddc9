package main

import (
	"bufio"
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
)

// stdinLines are the lines of stdin that are not empty. The goroutine that reads
// them ends with stdin or the process.
type stdinLines struct{ c chan string }

// maxLine is how much of a line is read, in bytes. What follows is left out,
// because the line is a line all the same.
const maxLine = 64 << 10

func (t *terminal) stdinLines() *stdinLines {
	l := &stdinLines{c: make(chan string)}
	go func() {
		defer close(l.c)
		r := bufio.NewReaderSize(t.in, maxLine)
		for {
			line, err := readLine(r)
			if line != "" {
				l.c <- line
			}
			if err != nil {
				return
			}
		}
	}()
	return l
}

// readLine reads a line without the space around it and without a byte order
// mark, which a Windows shell writes into a pipe.
func readLine(r *bufio.Reader) (string, error) {
	b, err := r.ReadSlice('\n')
	line := strings.TrimFunc(string(b), func(c rune) bool { return unicode.IsSpace(c) || c == '\ufeff' })
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.ReadSlice('\n')
	}
	return line, err
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
