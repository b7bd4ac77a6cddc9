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
	tailLineLen = 500 // bytes of one line
)

// A tail keeps the last lines of a program's stderr.
type tail struct {
	mu    sync.Mutex
	lines []string
}

// read reads until the pipe ends or is closed, so that a program that floods
// its stderr never blocks.
func (t *tail) read(r io.Reader, redact func(line string) string) {
	br := bufio.NewReaderSize(r, 4096)
	for {
		b, err := br.ReadSlice('\n')
		if len(b) > 0 {
			t.add(redact(strings.TrimRight(string(b[:min(len(b), tailLineLen)]), "\r\n")))
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
	if line == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == tailLines {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, line)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}
