package results

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"mcpproxy/proxy/mcptool"
)

// Bounds on what one read_result returns.
const (
	defaultPage  = 16 << 10 // bytes of text
	maxMatchText = 500      // bytes of one match, which is a part of a longer line
)

// A Query asks for a part of a stored result: a page of its text, the
// lines that match Grep, or what Select finds in its value.
type Query struct {
	ID     string
	Offset int64  // where the page or the search begins, in bytes of the text
	Limit  int    // bytes of a page, or matches; 0 is 16 KiB, or 100 matches
	Grep   string // RE2
	Select string // JMESPath
}

// A Part of a stored result is a page, matches or a value.
type Part struct {
	ID      string          `json:"result_id"`
	Total   int64           `json:"total_bytes"`           // of the text
	Offset  *int64          `json:"offset,omitempty"`      // of a page
	Text    *string         `json:"text,omitempty"`        // of a page
	Matches *[]Match        `json:"matches,omitempty"`     // of Query.Grep
	Value   json.RawMessage `json:"value,omitempty"`       // of Query.Select
	Cut     string          `json:"cut,omitempty"`         // says what was left out
	Next    *int64          `json:"next_offset,omitempty"` // where the next page or match begins; nil at the end
}

// A Match is a line of a stored text without its line end. Of a line of more
// than 500 bytes it is the part around a match.
type Match struct {
	Line   int    `json:"line"`   // from 1
	Offset int64  `json:"offset"` // of Text, in bytes of the stored text
	Text   string `json:"text"`
}

// Read reads a part of a stored result, which holds no more than one reply may
// and no more than [mcptool.MaxPage] bytes of text. A page begins and ends with
// whole characters.
//
// An error is an *ExpiredError, a *mcptool.RequestError for a query that the
// result does not allow, that of ctx, or one of the disk.
func (s *Store) Read(ctx context.Context, q Query) (Part, error) {
	r, err := s.find(q.ID)
	if err != nil {
		return Part{}, err
	}
	if q.Grep != "" || q.Select != "" {
		leave, err := s.enter(ctx, r)
		if err != nil {
			return Part{}, err
		}
		defer leave()
	}
	out := Part{ID: r.id, Total: r.total}
	switch {
	case q.Grep != "" && q.Select != "":
		err = q.bad("grep", "and select cannot be used together")
	case q.Offset < 0 || q.Offset > r.total:
		err = q.bad("offset", fmt.Sprintf("must be from 0 to %d, the bytes of this result", r.total))
	case q.Select != "":
		err = out.selectFrom(ctx, r, q)
	case q.Grep != "":
		err = out.grep(ctx, r, q)
	default:
		err = out.page(r, q)
	}
	if errors.Is(err, os.ErrNotExist) {
		err = &ExpiredError{ID: q.ID} // removed since find, beyond the quota or by Close
	}
	return out, err
}

// maxSmall bounds the results from which reading takes little memory, in bytes.
const maxSmall = 2 << 20

// isSmall reports whether reading takes little memory.
func (s stored) isSmall() bool { return max(s.total, s.structured) <= maxSmall }

// enter waits until a result may be searched or selected from.
func (s *Store) enter(ctx context.Context, r stored) (leave func(), err error) {
	lane := s.large
	if r.isSmall() {
		lane = s.small
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	select {
	case lane <- struct{}{}:
		return func() { <-lane }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// bad returns the error for a member of the query.
func (q Query) bad(field, reason string) error {
	return &mcptool.RequestError{Action: mcptool.ReadResult, ResultID: q.ID, Field: field, Reason: reason}
}

// page reads a page of whole characters. It moves an offset within a character
// back to where the character begins.
func (out *Part) page(s stored, q Query) error {
	size := defaultPage
	if q.Limit > 0 {
		size = q.Limit
	}
	size = max(min(size, s.limit, mcptool.MaxPage), utf8.UTFMax)
	f, err := os.Open(s.text())
	if err != nil {
		return err
	}
	defer f.Close()
	from := max(0, q.Offset-utf8.UTFMax+1)
	buf := make([]byte, int(q.Offset-from)+size+utf8.UTFMax)
	read, err := f.ReadAt(buf, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	buf = buf[:read]
	start := runeStart(buf, int(q.Offset-from))
	end := runeStart(buf, min(start+size, len(buf)))
	offset, text := from+int64(start), string(buf[start:end])
	out.Offset, out.Text = &offset, &text
	if next := from + int64(end); next < out.Total {
		out.Next = &next
	}
	return nil
}

// runeStart returns where the character at an index begins.
func runeStart(b []byte, i int) int {
	for i > 0 && i < len(b) && !utf8.RuneStart(b[i]) {
		i--
	}
	return i
}
