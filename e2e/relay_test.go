package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
)

// relayMain runs a stdio server and passes every message on, with an id of
// its own: the least that a proxy can do, and so the baseline for ours. It
// decodes the envelope alone; params and results stay bytes.
func relayMain(args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	r := &relay{ids: map[uint64]json.RawMessage{}}
	go func() {
		r.down(os.Stdin, stdin)
		stdin.Close()
	}()
	r.up(stdout, os.Stdout)
	return cmd.Wait()
}

type relay struct {
	mu   sync.Mutex
	next uint64
	ids  map[uint64]json.RawMessage // ours → the host's
}

// down passes the host's messages on.
func (r *relay) down(from io.Reader, to io.Writer) {
	in, out := bufio.NewReaderSize(from, 64<<10), bufio.NewWriterSize(to, 64<<10)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(line, &m) != nil {
			continue
		}
		if m.ID == nil || m.Method == "" {
			out.Write(line)
		} else {
			r.mu.Lock()
			r.next++
			id := r.next
			r.ids[id] = m.ID
			r.mu.Unlock()
			fmt.Fprintf(out, `{"jsonrpc":"2.0","id":%d,"method":%q`, id, m.Method)
			if m.Params != nil {
				out.WriteString(`,"params":`)
				out.Write(m.Params)
			}
			out.WriteString("}\n")
		}
		if in.Buffered() == 0 {
			out.Flush()
		}
	}
}

// up passes the server's messages on.
func (r *relay) up(from io.Reader, to io.Writer) {
	in, out := bufio.NewReaderSize(from, 64<<10), bufio.NewWriterSize(to, 64<<10)
	for {
		line, err := readLine(in)
		if err != nil {
			return
		}
		id, rest, ok := splitID(line)
		if !ok {
			out.Write(line)
		} else {
			r.mu.Lock()
			theirs := r.ids[id]
			delete(r.ids, id)
			r.mu.Unlock()
			out.WriteString(idPrefix)
			out.Write(theirs)
			out.Write(rest)
		}
		if in.Buffered() == 0 {
			out.Flush()
		}
	}
}

const idPrefix = `{"jsonrpc":"2.0","id":`

// splitID finds the number of a response that begins as most do, without
// reading on.
func splitID(line []byte) (id uint64, rest []byte, ok bool) {
	after, ok := bytes.CutPrefix(line, []byte(idPrefix))
	if !ok {
		return 0, nil, false
	}
	end := bytes.IndexByte(after[:min(len(after), 24)], ',')
	if end < 0 {
		return 0, nil, false
	}
	id, err := strconv.ParseUint(string(after[:end]), 10, 64)
	return id, after[end:], err == nil
}

// readLine returns the next line, valid until the next call unless it is long.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err != bufio.ErrBufferFull {
		return line, err
	}
	head := bytes.Clone(line)
	rest, err := r.ReadBytes('\n')
	return append(head, rest...), err
}
