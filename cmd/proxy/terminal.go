package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mcpproxy/catalog/clean"
	"mcpproxy/proxy/redact"
	"os"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/term"
)

// The rules of output, for every command:
//   - data goes to stdout and nothing else does; under serve that is JSON-RPC;
//   - everything said to the person goes to stderr: facts in lower case
//     without a final period, hints on lines of their own;
//   - colour, spinners and QR codes appear on a terminal only, and never with
//     NO_COLOR (https://no-color.org).

// A terminal is the world outside of a command.
type terminal struct {
	in       io.ReadCloser
	out, err io.Writer
	getenv   func(string) (string, bool)
	dir      string // working directory
	inTTY    bool
	errTTY   bool
	width    int              // of stderr in columns; 0 if it is no terminal
	redactor *redact.Redactor // takes secrets out of what is said
}

func newTerminal() *terminal {
	isTTY := func(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
	dir, _ := os.Getwd() // without one there is no project layer
	width, _, _ := term.GetSize(int(os.Stderr.Fd()))
	return &terminal{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		getenv: os.LookupEnv, dir: dir,
		inTTY: isTTY(os.Stdin), errTTY: isTTY(os.Stderr),
		width:    width,
		redactor: new(redact.Redactor),
	}
}

func (t *terminal) env(name string) string {
	v, _ := t.getenv(name)
	return v
}

// say tells the person something on stderr. It may hold text of an upstream.
func (t *terminal) say(format string, args ...any) {
	text, _ := clean.Text(fmt.Sprintf(format, args...), 0)
	fmt.Fprintln(t.err, t.redactor.Redact(text))
}

// json writes a value as data, indented for reading.
func (t *terminal) json(v any) error {
	enc := json.NewEncoder(t.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// table writes rows of cells as data. They may hold text of an upstream.
func (t *terminal) table(header []string, rows [][]string) error {
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		for i := range row {
			row[i] = clean.Line(row[i], 0)
		}
		fmt.Fprintln(w, strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	return w.Flush()
}

// fancy reports whether stderr may hold more than plain lines.
func (t *terminal) fancy() bool {
	_, off := t.getenv("NO_COLOR")
	return t.errTTY && !off && t.env("TERM") != "dumb"
}

// How long work stays silent before the person is told what it waits for.
const (
	silence    = 700 * time.Millisecond
	silenceTTY = 5 * time.Second // where the line cannot be wiped afterwards
)

// during runs work and shows what it is waiting for if it takes long. The
// goroutine that shows it ends before during returns.
func (t *terminal) during(ctx context.Context, what string, work func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var shown sync.WaitGroup
	shown.Go(func() { t.wait(ctx, what) })
	err := work(ctx)
	cancel()
	shown.Wait()
	return err
}

func (t *terminal) wait(ctx context.Context, what string) {
	quiet := silenceTTY
	if t.fancy() {
		quiet = silence
	}
	first := time.NewTimer(quiet)
	defer first.Stop()
	select {
	case <-ctx.Done():
		return
	case <-first.C:
	}
	if !t.fancy() {
		t.say("%s …", what)
		return
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	frames := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
	for i := 0; ; i++ {
		fmt.Fprintf(t.err, "\r%c %s …\x1b[K", frames[i%len(frames)], what)
		select {
		case <-ctx.Done():
			fmt.Fprint(t.err, "\r\x1b[K")
			return
		case <-tick.C:
		}
	}
}

func firstLine(s string, most int) string {
	s, _, _ = strings.Cut(s, "\n")
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
