package results

import (
	"context"
	"encoding/json"
	"io"
	"unicode/utf8"

	"mcpproxy/catalog/clean"
	"mcpproxy/upstream/raw"
)

// Bounds on what one reply holds beside its text, in bytes.
const (
	maxBinary = 5 << 20  // of blocks that are not text, such as images
	maxBeside = 64 << 10 // of _meta and other members, and of what text blocks hold beside their text
	headSize  = 4 << 10  // of the beginning of a stored text in the reply
	maxWord   = 100      // of a block's type, in characters
)

// maxHandles bounds the blocks of a result that are stored one by one.
const maxHandles = 16

// A Handle replaces in a reply what was stored.
type Handle struct {
	ID       string `json:"result_id,omitempty"` // empty if it could not be stored
	Total    int64  `json:"total_bytes"`         // of what was stored
	Type     string `json:"type,omitempty"`      // of a block that is not text; "blocks" or "members" of several
	MIMEType string `json:"mime_type,omitempty"` // of a block that is not text
	Head     string `json:"head,omitempty"`      // the beginning of a text
	// Structured says that the reply leaves out structured content, from which
	// Query.Select selects.
	Structured bool   `json:"-"`
	Next       string `json:"next"` // how to read the rest
}

// Fit returns the result itself if its text and structured content have at most limit
// bytes, its other blocks at most 5 MiB together, and all else, such as _meta, at most
// 64 KiB. A limit of 0 means that there is none.
//
// Otherwise it stores what is too large and returns a result with a [Handle] in its
// place, as a text block of JSON. One handle replaces all text and the structured
// content; one replaces each other block beyond the 5 MiB, and after 16 of those one
// replaces all that are left; one replaces the members, such as _meta, beyond the
// 64 KiB, which are stored as one object. Their Next is what next returns for them.
// What stays keeps its bytes, and isError and resultType always stay.
//
// What cannot be stored, which is logged, is replaced too, by a handle without
// an ID that holds the beginning of the text. Nothing is stored once ctx has ended.
func (s *Store) Fit(ctx context.Context, object json.RawMessage, limit int, next func(Handle) string) json.RawMessage {
	if limit <= 0 || len(object) <= min(limit, maxBeside) {
		return object
	}
	r := split(object)
	too := r.measure(ctx, limit)
	if too == (verdict{}) {
		return object
	}
	f := reply{out: []byte(`{"content":[`), next: next}
	if too.text {
		f.replace(s.storeText(ctx, r, limit))
	}
	sort, left := sorter{text: too.text, room: maxBinary}, false
	for b := range r.blocks(ctx) {
		switch sort.place(b) {
		case inReply:
			f.add(b.raw)
		case byItself:
			f.replace(s.storeBlock(ctx, b, limit))
		case withOthers:
			left = true
		}
	}
	if left {
		f.replace(s.storeRest(ctx, r, too.text, limit))
	}
	if too.beside {
		f.replace(s.storeBeside(ctx, r, limit))
	}
	f.out = append(f.out, ']')
	if !too.text && r.structured != nil {
		f.member(part{[]byte(`"structuredContent"`), r.structured})
	}
	for _, p := range r.beside {
		f.member(p)
	}
	return append(f.out, '}')
}

// A reply is a result that is being written.
type reply struct {
	out  []byte
	next func(Handle) string
}

func (f *reply) add(block []byte) {
	if f.out[len(f.out)-1] != '[' {
		f.out = append(f.out, ',')
	}
	f.out = append(f.out, block...)
}

func (f *reply) replace(h Handle) {
	h.Next = f.next(h)
	f.add(raw.Encode(map[string]string{"type": "text", "text": string(raw.Encode(h))}))
}

func (f *reply) member(p part) {
	f.out = append(append(append(append(f.out, ','), p.key...), ':'), p.value...)
}

// A place is where a block of a result goes.
type place int

const (
	inReply place = iota
	withText
	byItself
	withOthers // those that are left when there are many
)

// A sorter places the blocks of one result, from its first on.
type sorter struct {
	text    bool // is too large for the reply
	room    int  // in the reply for blocks that are not text
	handles int  // so far
}

func (o *sorter) place(b block) place {
	switch {
	case b.text != nil && o.text:
		return withText
	case b.text != nil:
		return inReply
	case b.size() <= o.room:
		o.room -= b.size()
		return inReply
	case o.handles < maxHandles:
		o.handles++
		return byItself
	}
	return withOthers
}

// storeText stores all text of a result, and its structured content.
func (s *Store) storeText(ctx context.Context, r result, limit int) Handle {
	head := &prefix{room: min(headSize, limit/4)} // escapes make it longer in the reply
	counted := &counter{w: head}
	kept, err := s.keep(ctx, func(w io.Writer) error { return r.writeText(ctx, io.MultiWriter(w, counted)) }, r.structured, limit)
	h := Handle{ID: kept.id, Total: kept.total, Structured: r.structured != nil}
	if err != nil {
		s.log.Warn("large result not stored", "error", err)
		*head, *counted = prefix{room: limit / 2}, counter{w: head}
		_ = r.writeText(ctx, counted) // an escape that cannot be decoded ends the text
		h.Total = counted.n
	}
	h.Head = cutText(string(head.data), h.Total > int64(len(head.data)))
	return h
}

// storeBlock stores a block that is not text, as its JSON.
func (s *Store) storeBlock(ctx context.Context, b block, limit int) Handle {
	kept, err := s.keep(ctx, func(w io.Writer) error { _, err := w.Write(b.raw); return err }, nil, limit)
	if err != nil {
		s.log.Warn("large block not stored", "error", err)
	}
	return Handle{
		ID: kept.id, Total: int64(len(b.raw)),
		Type: decoded(raw.Member(b.raw, "type")), MIMEType: decoded(raw.Member(b.raw, "mimeType")),
	}
}

// storeRest stores the blocks that are left together, as a list of their JSON.
func (s *Store) storeRest(ctx context.Context, r result, text bool, limit int) Handle {
	return s.storeTogether(ctx, "blocks", "[", "]", limit, func(add func(...[]byte) error) error {
		sort := sorter{text: text, room: maxBinary}
		for b := range r.blocks(ctx) {
			if sort.place(b) != withOthers {
				continue
			}
			if err := add(b.raw); err != nil {
				return err
			}
		}
		return nil
	})
}

// storeBeside stores the members that do not fit into a reply together, as an
// object.
func (s *Store) storeBeside(ctx context.Context, r result, limit int) Handle {
	return s.storeTogether(ctx, "members", "{", "}", limit, func(add func(...[]byte) error) error {
		kept := r.beside // which come in the same order
		for p := range r.parts() {
			name := string(plain(p.key))
			if name == "content" || name == "structuredContent" {
				continue
			}
			if len(kept) > 0 && &p.key[0] == &kept[0].key[0] {
				kept = kept[1:]
				continue
			}
			if err := add(p.key, []byte(":"), p.value); err != nil {
				return err
			}
		}
		return nil
	})
}

// storeTogether stores what walk adds, with a comma between two.
func (s *Store) storeTogether(ctx context.Context, what, begin, end string, limit int, walk func(add func(...[]byte) error) error) Handle {
	kept, err := s.keep(ctx, func(w io.Writer) error {
		separator := []byte(begin)
		err := walk(func(pieces ...[]byte) error {
			if _, err := w.Write(separator); err != nil {
				return err
			}
			separator = []byte(",")
			for _, piece := range pieces {
				if _, err := w.Write(piece); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil {
			err = context.Cause(ctx) // which ended the walk
		}
		if err == nil {
			_, err = io.WriteString(w, end)
		}
		return err
	}, nil, limit)
	if err != nil {
		s.log.Warn("large "+what+" not stored", "error", err)
	}
	return Handle{ID: kept.id, Total: kept.total, Type: what}
}

// decoded returns the text of a short JSON string, disarmed, or "" for another
// value.
func decoded(text []byte) string {
	var s string
	if len(text) <= 6*utf8.UTFMax*maxWord { // as written with escapes
		_ = json.Unmarshal(text, &s)
	}
	s, _ = clean.Text(s, maxWord)
	return s
}
