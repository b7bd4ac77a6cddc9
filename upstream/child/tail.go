package child

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"sync"
)

// Bounds of what is kept of a program's stderr.
const (
	tailLines   = 10
	tailLineLen = 1000 // bytes of one line, when it has been redacted
	maxTailLine = 4096 // bytes of one line before
)

// A tail keeps the last lines of a program's stderr. They are redacted when
// they are asked for, because a secret may go over several of them.
type tail struct {
	redact func(text string) string

	mu    sync.Mutex
	lines []string // as they came
}

// read reads until the pipe ends or is closed, so that a program that floods
// its stderr never blocks. Each line, redacted, is passed to hear.
func (t *tail) read(r io.Reader, hear func(line string)) {
	br := bufio.NewReaderSize(r, maxTailLine)
	for {
		b, err := br.ReadSlice('\n')
		if line := strings.TrimRight(string(b), "\r\n"); line != "" {
			t.add(line)
			if hear != nil {
				hear(cut(t.redact(line)))
			}
		}
		for errors.Is(err, bufio.ErrBufferFull) { // the rest of a long line is left out
			_, err = br.ReadSlice('\n')
		}
		if err != nil {
			return
		}
	}
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == tailLines {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, line)
}

// String returns the lines as redacted.
func (t *tail) String() string {
	t.mu.Lock()
	text := strings.Join(t.lines, "\n")
	t.mu.Unlock()
	lines := strings.Split(t.redact(text), "\n")
	for i, line := range lines {
		lines[i] = cut(line)
	}
	return strings.Join(lines, "\n")
}

func cut(line string) string {
	return strings.ToValidUTF8(line[:min(len(line), tailLineLen)], "")
}
