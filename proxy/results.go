package proxy

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/gofrs/flock"
)

// Bounds on stored results.
const (
	defaultMaxResult = 48 << 10  // bytes of text that a reply may hold
	maxBinary        = 5 << 20   // bytes of base64 that a reply may hold
	headSize         = 2 << 10   // bytes of the text that a reply begins with
	resultsQuota     = 256 << 20 // bytes on disk, of one proxy; the oldest go first
)

// results keeps what is too large for a reply, in files that only this user
// can read and that only this process gives out. They are gone when it ends;
// what a killed one left is removed by the next that stores something.
type results struct {
	dir string // of all processes; ours is a folder in it

	mu     sync.Mutex // guards what follows
	own    string     // our folder; made when first needed
	lock   *flock.Flock
	stored []stored // oldest first
	size   int64
}

// A stored result is two files: the text to page through and the value to
// select from. They are the same file unless there is structured content.
type stored struct {
	id    string
	total int64 // bytes of the text
	size  int64 // bytes on disk
}

func newResults(dir string) *results { return &results{dir: dir} }

// A ResultExpiredError says that a stored result is gone, or never was.
type ResultExpiredError struct{ ID string }

func (e *ResultExpiredError) Error() string { return fmt.Sprintf("no stored result %q", e.ID) }

// close removes what was stored.
func (r *results) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.own == "" {
		return nil
	}
	err := os.RemoveAll(r.own)
	r.own, r.stored, r.size = "", nil, 0
	return errors.Join(err, r.lock.Close(), os.Remove(r.lock.Path()))
}

// A largeResult is what a result holds, as far as its size matters.
type largeResult struct {
	Content    []json.RawMessage `json:"content"`
	Structured json.RawMessage   `json:"structuredContent"`
}

type contentBlock struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Data     string `json:"data"`
	MIMEType string `json:"mimeType"`
	Resource struct {
		Text string `json:"text"`
		Blob string `json:"blob"`
	} `json:"resource"`
}

// A head stands in a reply for what was stored.
type head struct {
	ID      string    `json:"result_id"`
	Total   int       `json:"total_bytes"`
	Head    string    `json:"head"`
	LeftOut []leftOut `json:"left_out,omitempty"`
	Next    string    `json:"next"`
}

type leftOut struct {
	Type     string `json:"type"`
	MIMEType string `json:"mimeType,omitempty"`
	Bytes    int    `json:"bytes"` // of base64
}

// fit returns the result itself if its text blocks and structured content
// have at most limit bytes and its binary content at most maxBinary. Else it
// stores it and returns a result with a head and a handle in its place; the
// members isError and _meta, and binary content within its limit, are kept.
// A limit of 0 means that there is none.
func (r *results) fit(result json.RawMessage, limit int) (json.RawMessage, error) {
	if limit <= 0 || len(result) <= limit {
		return result, nil
	}
	var l largeResult
	if json.Unmarshal(result, &l) != nil {
		return result, nil // not for us to judge: it passes as it came
	}
	var texts []string
	var kept []json.RawMessage
	var h head
	text, binary := len(l.Structured), 0
	for _, raw := range l.Content {
		var b contentBlock
		if json.Unmarshal(raw, &b) != nil {
			kept = append(kept, raw)
			continue
		}
		if t := b.Text + b.Resource.Text; t != "" {
			texts = append(texts, t)
			text += len(t)
			continue
		}
		n := len(b.Data) + len(b.Resource.Blob)
		if binary += n; binary > maxBinary {
			h.LeftOut = append(h.LeftOut, leftOut{b.Type, b.MIMEType, n})
			if len(texts) == 0 && len(l.Structured) == 0 {
				texts = append(texts, b.Data+b.Resource.Blob)
			}
			continue
		}
		kept = append(kept, raw)
	}
	if text <= limit && binary <= maxBinary {
		return result, nil
	}
	whole := strings.Join(texts, "\n")
	if whole == "" {
		whole = string(l.Structured)
	}
	id, err := r.keep(whole, l.Structured)
	if err != nil {
		return nil, err
	}
	h.ID, h.Total, h.Head = id, len(whole), cutText(whole, headSize)
	h.Next = fmt.Sprintf(`read on: {"action":"read_result","result_id":%q,"offset":%d}; or add "grep" (RE2) or "select" (JMESPath)`, id, len(h.Head))
	return replaceContent(result, h, kept)
}

// replaceContent writes the result anew with a head for its text.
func replaceContent(result json.RawMessage, h head, kept []json.RawMessage) (json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(result, &members); err != nil {
		return nil, err
	}
	delete(members, "structuredContent")
	block := compact(map[string]string{"type": "text", "text": string(compact(h))})
	content := append([]json.RawMessage{block}, kept...)
	members["content"] = json.RawMessage("[" + string(bytes.Join(asBytes(content), []byte(","))) + "]")
	return compact(members), nil
}

func asBytes(raws []json.RawMessage) [][]byte {
	out := make([][]byte, len(raws))
	for i, raw := range raws {
		out[i] = raw
	}
	return out
}

// cutText returns the beginning of s, at most n bytes, whole characters. A
// JSON text is cut between two of its values where there is such a place.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	s = s[:n]
	if first := strings.TrimLeft(s, " \t\r\n"); first != "" && strings.ContainsRune("[{", rune(first[0])) {
		if i := lastComma(s); i > n/2 {
			return s[:i]
		}
	}
	return s
}

// lastComma returns the index after the last comma outside of a JSON string.
func lastComma(s string) int {
	last, inString := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case inString && s[i] == '\\':
			i++
		case s[i] == '"':
			inString = !inString
		case !inString && s[i] == ',':
			last = i + 1
		}
	}
	return last
}

// keep writes a result to disk and makes room for it.
func (r *results) keep(text string, structured json.RawMessage) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.open(); err != nil {
		return "", fmt.Errorf("store a large result: %w", err)
	}
	s := stored{id: "r" + strings.ToLower(rand.Text()[:12]), total: int64(len(text)), size: int64(len(text) + len(structured))}
	if err := os.WriteFile(r.path(s.id, "text"), []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("store a large result: %w", err)
	}
	if len(structured) > 0 {
		if err := os.WriteFile(r.path(s.id, "json"), structured, 0o600); err != nil {
			return "", fmt.Errorf("store a large result: %w", err)
		}
	}
	r.stored, r.size = append(r.stored, s), r.size+s.size
	for r.size > resultsQuota && len(r.stored) > 1 {
		old := r.stored[0]
		r.stored, r.size = r.stored[1:], r.size-old.size
		os.Remove(r.path(old.id, "text"))
		os.Remove(r.path(old.id, "json"))
	}
	return s.id, nil
}

func (r *results) path(id, kind string) string { return filepath.Join(r.own, id+"."+kind) }

// open makes our folder and removes those of processes that are gone. The
// lock beside a folder is held for as long as its owner lives.
func (r *results) open() error {
	if r.own != "" {
		return nil
	}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	r.sweep()
	own := filepath.Join(r.dir, strings.ToLower(rand.Text()[:16]))
	lock := flock.New(own + ".lock")
	if ok, err := lock.TryLock(); err != nil || !ok {
		return errors.Join(err, fs.ErrExist)
	}
	if err := os.Mkdir(own, 0o700); err != nil {
		return errors.Join(err, lock.Close())
	}
	r.own, r.lock = own, lock
	return nil
}

func (r *results) sweep() {
	locks, _ := filepath.Glob(filepath.Join(r.dir, "*.lock"))
	for _, name := range locks {
		lock := flock.New(name)
		if ok, err := lock.TryLock(); err != nil || !ok {
			continue // its owner lives
		}
		os.RemoveAll(strings.TrimSuffix(name, ".lock"))
		os.Remove(name)
		lock.Close()
	}
}

// find returns the stored result and the paths of its text and its value.
func (r *results) find(id string) (s stored, text, value string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.stored {
		if s.id != id {
			continue
		}
		text = r.path(id, "text")
		if s.size > s.total {
			return s, text, r.path(id, "json"), nil
		}
		return s, text, text, nil
	}
	return stored{}, "", "", &ResultExpiredError{ID: id}
}
