package results

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"regexp/syntax"
	"unicode/utf8"

	"mcpproxy/catalog/re2"
	"mcpproxy/proxy/mcptool"
)

// Bounds on a search. A match takes time for each instruction of the program and
// each byte of the text; their product is the work.
const (
	maxProgram  = 1000        // instructions
	maxWork     = 150_000_000 // of one search; a second or two at worst
	uncancelled = 1_000_000   // of one match, that ctx need not interrupt
)

// errWork means that a search would take more than maxWork.
var errWork = errors.New("the search takes too long")

// A finder finds matches of an RE2 expression for one search.
type finder struct {
	re *regexp.Regexp
	// within is re after one more character, since a match that does not begin
	// the line may look back at what stands before it.
	within *regexp.Regexp
	size   int // work for each byte
	work   int // left
}

func (q Query) finder() (*finder, error) {
	re, size, err := re2.Compile(q.Grep, maxProgram)
	if errors.Is(err, re2.ErrTooLarge) {
		return nil, q.bad("grep", "is longer than 4 KiB or too large with its repetitions written out")
	}
	if err != nil {
		return nil, q.bad("grep", "is not a valid RE2 expression: "+err.Error())
	}
	f := &finder{re: re, size: size, work: maxWork}
	if _, plain := re.LiteralPrefix(); plain {
		// A plain text is found as fast as it is read, and does not look back.
		f.size = 0
		return f, nil
	}
	f.within, err = behindOne(q.Grep)
	return f, err
}

// behindOne returns the expression as a group after one character. It is written
// anew, because as it stands it can take in what follows it (a \Q without an end).
func behindOne(source string) (*regexp.Regexp, error) {
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, err
	}
	return regexp.Compile(`(?s:.)(` + parsed.String() + `)`)
}

// find returns the place of the first match in a line from a place on, or nil.
// Errors: errWork, or that of ctx.
func (f *finder) find(ctx context.Context, line []byte, from int) (place []int, err error) {
	behind := from > 0 && f.within != nil
	if behind {
		_, width := utf8.DecodeLastRune(line[:from])
		from -= width
	}
	text := line[from:]
	quick := f.size*len(text) <= uncancelled
	if quick {
		f.work -= f.size * len(text)
	}
	r := &runes{ctx: ctx, finder: f, text: text}
	switch {
	case behind && quick:
		place = f.within.FindSubmatchIndex(text)
	case behind:
		place = f.within.FindReaderSubmatchIndex(r)
	case quick:
		place = f.re.FindIndex(text)
	default:
		place = f.re.FindReaderIndex(r)
	}
	if behind && place != nil {
		place = place[2:]
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case f.work < 0:
		return nil, errWork
	case place == nil:
		return nil, nil
	}
	return []int{place[0] + from, place[1] + from}, nil
}

// runes reads a text for a match until the match is to be given up.
type runes struct {
	ctx    context.Context
	finder *finder
	text   []byte
	at     int
	looked int // runes since ctx was looked at
}

func (r *runes) ReadRune() (c rune, size int, err error) {
	if r.at == len(r.text) || r.finder.work < 0 {
		return 0, 0, io.EOF
	}
	if r.looked++; r.looked == 1024 {
		if r.looked = 0; r.ctx.Err() != nil {
			return 0, 0, io.EOF
		}
	}
	c, size = utf8.DecodeRune(r.text[r.at:])
	r.at += size
	r.finder.work -= r.finder.size * size
	return c, size, nil
}

// grep searches the text line by line and holds one line in memory.
func (out *Part) grep(ctx context.Context, s stored, q Query) error {
	find, err := q.finder()
	if err != nil {
		return err
	}
	f, err := os.Open(s.text())
	if err != nil {
		return err
	}
	defer f.Close()
	whole := max(min(mcptool.MaxPage, s.limit), utf8.UTFMax)
	found := matches{list: []Match{}, from: q.Offset, most: mcptool.MaxMatches, whole: whole, room: whole}
	if q.Limit > 0 {
		found.most = min(q.Limit, mcptool.MaxMatches)
	}
	out.Matches = &found.list
	r := bufio.NewReaderSize(f, 32<<10)
	at := int64(0)
	for n := 1; ; n++ {
		line, readErr := r.ReadBytes('\n')
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return readErr
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		room, err := found.search(ctx, find, line, n, at)
		switch {
		case errors.Is(err, errWork) && found.next > q.Offset:
			out.Next, out.Cut = &found.next, "the search took long and stopped at next_offset; go on from there"
			return nil
		case errors.Is(err, errWork):
			return q.bad("grep", fmt.Sprintf("takes too long on a line of %d bytes; use a simpler expression, or a plain text", len(line)))
		case err != nil:
			return err
		case !room:
			out.Next, out.Cut = &found.next, "more matches from next_offset on"
			return nil
		case readErr != nil:
			return nil
		}
		at += int64(len(line))
	}
}

// matches collects what a grep finds, within bounds.
type matches struct {
	list  []Match
	from  int64 // offset from which on matches count
	most  int   // matches that one answer may hold
	whole int   // bytes of text that one answer may hold
	room  int   // bytes that are left of whole
	next  int64 // offset of the first match that is left out, or of what was not searched
}

// search adds the matches in a line that begins at an offset. It returns false
// if it left one out. It adds no byte of the line twice, however many matches
// are in it.
func (m *matches) search(ctx context.Context, find *finder, line []byte, number int, at int64) (room bool, err error) {
	line = bytes.TrimRight(line, "\r\n")
	if at+int64(len(line)) < m.from {
		return true, nil
	}
	shown := 0 // where the last added part of this line ends
	for next := runeStart(line, int(max(0, m.from-at))); next <= len(line); {
		m.next = at + int64(next)
		place, err := find.find(ctx, line, next)
		if place == nil || err != nil {
			return true, err
		}
		start, end := around(line, place[0], min(maxMatchText, m.whole))
		start = max(start, shown)
		if len(m.list) == m.most || end-start > m.room {
			m.next = at + int64(place[0])
			return false, nil
		}
		m.list = append(m.list, Match{Line: number, Offset: at + int64(start), Text: string(line[start:end])})
		m.room -= end - start
		if shown = end; shown == len(line) {
			return true, nil
		}
		if next = max(shown, place[1]); next == place[0] { // an empty match
			_, width := utf8.DecodeRune(line[next:])
			next += max(1, width)
		}
	}
	return true, nil
}

// around returns the part of a line to show for the match that begins at at:
// the whole line, or up to most bytes of a longer one.
func around(line []byte, at, most int) (start, end int) {
	if len(line) <= most {
		return 0, len(line)
	}
	start = runeStart(line, max(0, at-most/4))
	return start, runeStart(line, min(len(line), start+most))
}
