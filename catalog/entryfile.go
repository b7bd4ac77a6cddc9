package catalog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"time"
)

// A file of the snapshot begins with a line that seals the rest: what it is,
// the version of the format and a checksum. With the checksum right the
// content is what was written, so that descriptors need not be parsed to know
// that they are whole.
const sealFormat = "mcpproxy-catalog 1 %08x\n"

var sealLength = len(fmt.Sprintf(sealFormat, 0))

var (
	errDamaged   = errors.New("damaged")
	errEntrySize = errors.New("entry is larger than 8 MiB")
	errLocked    = errors.New("another process holds the lock")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func seal(body []byte) []byte {
	return append(fmt.Appendf(make([]byte, 0, sealLength+len(body)), sealFormat, crc32.Checksum(body, castagnoli)), body...)
}

func unseal(data []byte) ([]byte, error) {
	if len(data) < sealLength {
		return nil, errDamaged
	}
	body := data[sealLength:]
	if string(data[:sealLength]) != fmt.Sprintf(sealFormat, crc32.Checksum(body, castagnoli)) {
		return nil, errDamaged
	}
	return body, nil
}

// An entryHeader is the first line of an entry's file. The descriptors follow,
// each on a line that may hold line breaks of its own, hence the sizes.
type entryHeader struct {
	ID           string    `json:"id"`
	ListedAt     time.Time `json:"listed_at"`
	Instructions string    `json:"instructions,omitempty"`
	Sizes        []int     `json:"sizes"`
}

// maxEntryBytes bounds the file of one entry.
const maxEntryBytes = 8 << 20

func encodeEntry(e Entry) ([]byte, error) {
	header := entryHeader{ID: e.ID, ListedAt: e.ListedAt, Instructions: e.Instructions, Sizes: make([]int, len(e.Tools))}
	total := len(e.Instructions)
	for i, t := range e.Tools {
		if !json.Valid(t.Raw) {
			return nil, fmt.Errorf("tool %q has no descriptor", t.Name)
		}
		header.Sizes[i] = len(t.Raw)
		total += len(t.Raw)
	}
	if total > maxEntryBytes {
		return nil, errEntrySize
	}
	body, err := json.Marshal(header)
	if err != nil {
		return nil, err
	}
	body = append(body, '\n')
	for _, t := range e.Tools {
		body = append(body, t.Raw...)
		body = append(body, '\n')
	}
	return seal(body), nil
}

func decodeEntry(data []byte) (Entry, error) {
	body, err := unseal(data)
	if err != nil {
		return Entry{}, err
	}
	line, rest, _ := bytes.Cut(body, []byte("\n"))
	var header entryHeader
	if json.Unmarshal(line, &header) != nil {
		return Entry{}, errDamaged
	}
	e := Entry{ID: header.ID, Instructions: header.Instructions, ListedAt: header.ListedAt, Tools: make([]Tool, 0, len(header.Sizes))}
	for _, size := range header.Sizes {
		if size <= 0 || size >= len(rest) {
			return Entry{}, errDamaged
		}
		t, err := parseValidTool(rest[:size:size])
		if err != nil {
			return Entry{}, errDamaged
		}
		e.Tools = append(e.Tools, t)
		rest = rest[size+1:]
	}
	return e, nil
}

// entrySuffix ends the names of entries' files.
const entrySuffix = ".entry"

// entryName is the name of an entry's file: ids may hold anything.
func entryName(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16]) + entrySuffix
}

// tempPrefix begins the names of files that are being written.
const tempPrefix = ".tmp-"

// replace writes a file as a whole or not at all. It does not wait for the
// disk: what a power cut leaves is found damaged by its checksum, and rebuilt.
func replace(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), tempPrefix) // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // best effort; the next sweep gets it
	}
	return err
}
