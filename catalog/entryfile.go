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

// sealFormat is the first line of each file of the snapshot: its kind, the version
// of the format and a checksum of the rest. A right checksum proves that the
// descriptors are whole and valid without parsing them.
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

// An entryHeader is the line of an entry's file before the descriptors. Each of
// these ends with a line break and may contain others, so Sizes tells where.
type entryHeader struct {
	ID           string    `json:"id"`
	ListedAt     time.Time `json:"listed_at"`
	Instructions string    `json:"instructions,omitempty"`
	Sizes        []int     `json:"sizes"` // of the descriptors, in bytes

	InitializeFirst bool `json:"initialize_first,omitempty"`
	Partial         bool `json:"partial,omitempty"`
}

// maxEntryBytes bounds the file of one entry.
const maxEntryBytes = 8 << 20

func encodeEntry(e Entry) ([]byte, error) {
	header := entryHeader{
		ID: e.ID, ListedAt: e.ListedAt, Instructions: e.Instructions, Sizes: make([]int, len(e.Tools)),
		InitializeFirst: e.InitializeFirst, Partial: e.Partial,
	}
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
	e := Entry{
		ID: header.ID, Instructions: header.Instructions, ListedAt: header.ListedAt, Tools: make([]Tool, 0, len(header.Sizes)),
		InitializeFirst: header.InitializeFirst, Partial: header.Partial,
	}
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

// entrySuffix ends the name of an entry's file.
const entrySuffix = ".entry"

// entryName returns the name of an entry's file, a hash since an id may contain any
// character.
func entryName(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16]) + entrySuffix
}

// tempPrefix begins the name of a file that is being written.
const tempPrefix = ".tmp-"

// replace writes a file as a whole or not at all. It does not wait for the disk,
// because a power cut costs a listing at most: the checksum finds the damage.
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
		_ = os.Remove(f.Name()) // if this fails, the next sweep removes it
	}
	return err
}
