package main

// The rules of output for every command:
//
//   - Only data goes to stdout: what was asked for, as a table, as text or with
//     --json as JSON. Under serve that is JSON-RPC and nothing else.
//   - Everything else goes to stderr. Facts are in lower case and have no final
//     period; only the steps of a login are sentences. An error begins with
//     "proxy: ".
//   - What to do about an error follows it on lines that begin with "hint: ".
//     The words are in explain.go and explainlogin.go.
//   - Colours, spinners and QR codes appear on a terminal only, and never with
//     NO_COLOR (https://no-color.org) or TERM=dumb.
//   - say and table clean text of an upstream of what acts on a terminal, and say
//     masks secrets. Only call prints text as it came, because it is data.

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"mcpproxy/catalog/clean"
	"mcpproxy/proxy/redact"
)

// A terminal is a command's stdin, stdout, stderr, environment and directory.
type terminal struct {
	in       io.ReadCloser
	out, err io.Writer
	getenv   func(string) (string, bool)
	dir      string // working directory
	inTTY    bool
	errTTY   bool
	width    int              // of stderr in columns; 0 if it is no terminal
	redactor *redact.Redactor // masks secrets in what say writes
	kill     context.Context  // ends when what was started is to be killed; nil is never
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

// say writes a line to stderr. It may hold text of an upstream.
func (t *terminal) say(format string, args ...any) {
	text, _ := clean.Text(fmt.Sprintf(format, args...), 0)
	fmt.Fprintln(t.err, t.redactor.Redact(text))
}

// sayOf writes a line of a server's child, also over what showWait shows.
func (t *terminal) sayOf(server, line string) {
	if t.ansi() {
		fmt.Fprint(t.err, "\r\x1b[K")
	}
	t.say("%s: %s", server, line)
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

// ansi reports whether stderr may hold escape sequences.
func (t *terminal) ansi() bool {
	_, off := t.getenv("NO_COLOR")
	return t.errTTY && !off && t.env("TERM") != "dumb"
}

// How long work takes before the person is shown what it waits for.
const (
	beforeSpinner = 700 * time.Millisecond
	beforeLine    = 5 * time.Second // longer, because a line cannot be wiped afterwards
)

// await runs work and shows what it is waiting for if that takes long. The
// goroutine that shows it ends before await returns.
func (t *terminal) await(ctx context.Context, what string, work func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var shown sync.WaitGroup
	shown.Go(func() { t.showWait(ctx, what) })
	err := work(ctx)
	cancel()
	shown.Wait()
	return err
}

// showWait shows what is waited for until ctx ends.
func (t *terminal) showWait(ctx context.Context, what string) {
	quiet := beforeLine
	if t.ansi() {
		quiet = beforeSpinner
	}
	first := time.NewTimer(quiet)
	defer first.Stop()
	select {
	case <-ctx.Done():
		return
	case <-first.C:
	}
	if !t.ansi() {
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

// firstLine returns the first line of s, cut at that many characters.
func firstLine(s string, most int) string {
	s, _, _ = strings.Cut(s, "\n")
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
